"""The folds against the symbolic model in `shared` beside the checkout: the same verdicts."""

from collections.abc import Iterator
from random import Random  # noqa: TID251  stories for a test, repeatable from their seed

import pytest

from accounts.team_chain import fold, vaults
from tests.fuzz.model import differences, load_model
from tests.fuzz.moves import MOVE_SIZE
from tests.fuzz.story import KINDS, Story
from vaults import vault_chain

STORIES = 400
BLOCKS = 4
MOVES = 36


@pytest.fixture(scope="module", autouse=True)
def _model() -> None:
    """The model has to be there; `load_model` says where."""
    try:
        load_model()
    except FileNotFoundError as missing:
        pytest.fail(str(missing))


def stories(block: int) -> Iterator[Story]:
    for seed in range(block, STORIES, BLOCKS):
        random = Random(seed)  # noqa: S311  no secret, a story
        yield Story([random.randbytes(MOVE_SIZE) for _ in range(MOVES)])


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_same_verdicts_as_the_model(block: int):
    seen: dict[str, set[str]] = {}
    for number, story in enumerate(stories(block)):
        assert differences(story) == [], number
        for attempt in story.attempts:
            opened = attempt.kind == "grant" and len(attempt.verdict) == 64
            plain = opened or attempt.verdict in {"valid", "waiting"}
            verdict = "valid" if opened else attempt.verdict if plain else "refused"
            seen.setdefault(attempt.what.split(": ")[1].split(" ")[0], set()).add(verdict)

    # The stories are worth their time only if each type is both let in and refused.
    for link_type in set(KINDS) - {"nothing", "late"}:
        assert {"valid", "refused"} <= seen[link_type], link_type
    assert "waiting" in seen["change"]


@pytest.mark.parametrize(
    ("module", "rule"),
    [(vaults, "check_cut"), (fold, "_check_signature"), (vault_chain, "check_grant")],
)
def test_a_rule_that_the_folds_forget_is_found(
    monkeypatch: pytest.MonkeyPatch, module: object, rule: str
):
    monkeypatch.setattr(module, rule, lambda *_, **__: None)
    assert any(differences(story) for story in stories(0))
