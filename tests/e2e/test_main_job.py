"""The main job: two people share a secret that the server cannot read.

`story.py` tells it and asserts what each of them sees.
"""

from tests.e2e.story import LATER, Told


def test_two_people_share_and_part(story: Told) -> None:
    assert story.seconds_to_ana < 10
    # What he read before stays read; what was written after never reaches him.
    assert "Personal" in story.shown_to_ben  # his page was not empty: he opened his own vault
    assert LATER not in story.shown_to_ben
