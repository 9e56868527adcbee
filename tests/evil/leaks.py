"""What left a browser, searched for what must not."""

import re
from collections.abc import Mapping, Sequence

from tests.e2e.thief import forms
from tests.evil.proxy import Sent

# What adds to chains or hands out keys. A report that a grant does not open carries neither.
KEY_BEARING = r"(links|grants|hold|restore|vaults/[^/]+/(changes|olds))"
LEAST = 9  # bytes of a secret that is looked for: shorter ones occur by chance


def leaked(sent: Sequence[Sent], secrets: Mapping[str, bytes]) -> list[str]:
    """Name the secrets that any of the requests holds in any form; never their values."""
    assert all(len(secret) >= LEAST for secret in secrets.values())
    everything = b"\n".join(each.everything for each in sent)
    return [name for name, secret in secrets.items() if any(f in everything for f in forms(secret))]


def written(sent: Sequence[Sent], team: str) -> list[str]:
    """Name the requests that write to a team's chains or hand out its keys.

    Args:
        sent: the requests.
        team: how paths of the team begin.
    """
    pattern = re.compile(re.escape(team) + KEY_BEARING)
    return [each.path for each in sent if each.method != "GET" and pattern.fullmatch(each.path)]
