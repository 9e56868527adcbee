"""No line of the requirements is without its case; and the search for leaks finds what is there.

Cases are named after their lines. Where a colleague helps the server, the colleague's keys are
real. What only a later feature can do (recovery by peers, a custodian) is shown by links that this
version refuses, and by the doors through which the same could come about now; what is the server's
own affair (F14), by the answers that it would give.
"""

import base64
import re

import pytest

from tests.evil import test_account, test_items, test_keys, test_t, test_teams, test_written
from tests.evil.leaks import leaked, written
from tests.evil.scene import Scene

# Every line that is about this product as it is. R24, releases that can be checked, is to come: the
# server delivers whatever would check them now. The numbers of F that are missing were settled in
# the design.
R = range(1, 24)
T = range(1, 18)
F = (*range(1, 5), *range(6, 17), 19, 20, *range(24, 37))
SEND = "(body) => fetch('/api/v1/session', { method: 'POST', body })"
FILES = (test_account, test_items, test_keys, test_t, test_teams, test_written)


def test_every_line_has_its_case() -> None:
    cases = [re.match(r"test_([RTF][0-9]+)_", name) for file in FILES for name in vars(file)]
    lines = {f"{letter}{number}" for letter, of in (("R", R), ("T", T), ("F", F)) for number in of}
    assert {case.group(1) for case in cases if case} == lines


def test_the_search_for_leaks_finds_what_an_honest_write_sends(scene: Scene) -> None:
    """Without this, the cases could pass by looking wrongly."""
    team = scene.team(right="manage")
    begun = len(scene.liar.sent)
    scene.victim.writes(team.vault, f"An honest note {team.number}")
    team.join(team.newcomer("dave"), {team.vault: "read"}, with_keys=False)
    scene.victim.look()
    scene.waits_for(lambda: f"{team.path}grants" in written(scene.liar.sent[begun:], team.path))
    paths = written(scene.liar.sent[begun:], team.path)
    changes = next(path for path in paths if path.endswith("/changes"))

    sent = scene.liar.sent[begun:]
    bodies = {each.path: each for each in sent}
    body = bodies[changes].value()
    token = next(value for name, value in bodies[changes].headers if name.lower() == "x-csrftoken")
    planted = {
        "a link": body["link"],
        "a blob": body["blobs"][0]["details"],
        "a header": token.encode(),
        "an address": changes.encode(),
        "hex in an address": str(team.id).replace("-", "")[-12:].encode(),
        "nothing that was sent": b"this was never sent",
    }
    assert leaked(sent, planted) == list(planted)[:-1]
    team.catch_up()
    scene.no_leak(team)


def test_what_a_careless_page_would_send_is_noticed(scene: Scene) -> None:
    """Each secret of the browser, one of them at a time, in the body of an honest request."""
    team = scene.team()
    title = f"A title in clear {team.number}"
    scene.victim.writes(team.vault, title, "a note in clear")
    team.catch_up()
    scene.no_leak(team)
    secrets = scene.secrets(team)
    assert {f"typed “{title}”", "typed “a note in clear”", "AMK", "kit"} <= set(secrets)
    noticed = []
    for secret in secrets.values():
        scene.begun = len(scene.liar.sent)
        scene.victim.page.evaluate(SEND, base64.b64encode(b"x" + secret).decode())
        noticed += [leaked(scene.liar.sent[scene.begun :], secrets)]
    # What is part of something else is noticed with it.
    assert [name for name, found in zip(secrets, noticed, strict=True) if name not in found] == []
    with pytest.raises(AssertionError):
        scene.no_leak(team)
