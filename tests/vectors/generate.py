"""Write the vectors: `python -m tests.vectors.generate`. The same bytes every time.

Python and TypeScript both read these files. A change of the formats is made here, seen in the diff
of the JSON, and then followed on the other side.
"""

import json
from typing import Any

from tests.vectors.cbor_cases import cbor_cases
from tests.vectors.curve_cases import ed25519_cases, key_cases
from tests.vectors.grant_cases import grant_cases
from tests.vectors.link_cases import accept_cases, link_cases
from tests.vectors.primitives import derive_cases, part_cases
from tests.vectors.reading import FOLDER, pooled
from tests.vectors.seal_cases import seal_cases
from tests.vectors.team_cases import team_chain_cases
from tests.vectors.vault_cases import vault_chain_cases
from tests.vectors.word_cases import word_cases


def all_vectors() -> dict[str, str]:
    """File name to content."""
    contents: dict[str, Any] = {
        "cbor": cbor_cases(),
        "ed25519": ed25519_cases(),
        "keys": key_cases(),
        "seal": seal_cases(),
        "derive": derive_cases(),
        "parts": part_cases(),
        "links": link_cases(),
        "accept": accept_cases(),
        "team_chains": pooled(team_chain_cases()),
        "vault_chains": pooled(vault_chain_cases()),
        "grants": pooled(grant_cases()),
        "words": word_cases(),
    }
    return {
        f"{name}.json": json.dumps(content, indent=1) + "\n" for name, content in contents.items()
    }


def main() -> None:
    for name, text in all_vectors().items():
        (FOLDER / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
