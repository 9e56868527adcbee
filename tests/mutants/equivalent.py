"""Checks whose absence no case can show, each with the reason.

A key is what `./dev mutants` prints before the arrow, without the line. Whoever strikes a check
from the source, or finds a case for it, strikes it here: an entry that fits no surviving mutant
fails the run.
"""

from typing import Final

EQUIVALENT: Final[dict[str, str]] = {}
