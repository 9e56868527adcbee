"""What the changed code asks while it runs: is my check the one that is off?"""

from typing import Any

off: int | None = None
"""The number of the check that is switched off, or None."""

fired: set[int] = set()
"""The checks that refused, or would have refused, since somebody emptied this."""


def holds(number: int, condition: Any) -> Any:
    """Stand for the condition of a `need`: true if it holds, or if the check is off."""
    if condition:
        return condition
    fired.add(number)
    return condition if number != off else True


def fires(number: int) -> bool:
    """Stand before a `raise`: false if the check is off."""
    fired.add(number)
    return number != off
