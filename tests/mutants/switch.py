"""What the changed code asks while it runs: is my check off?"""

from typing import Any

off: frozenset[int] = frozenset()
"""The numbers of the checks that are switched off."""

fired: set[int] = set()
"""The checks that refused, or would have refused, since somebody emptied this."""


def holds(number: int, condition: Any) -> Any:
    """Stand for the condition of a `need`: true if it holds, or if the check is off."""
    if condition:
        return condition
    fired.add(number)
    return number in off or condition


def fires(number: int) -> bool:
    """Stand before a `raise`: false if the check is off."""
    fired.add(number)
    return number not in off
