"""The three ways in which something here ends badly. SPEC 1, 2 and 4."""


class DecryptionError(Exception):
    """A seal did not open (`R16.open`). One way, no reason: a reason would be an oracle."""

    refusal = "R16.open"

    def __init__(self) -> None:
        super().__init__("does not open")


class Refused(Exception):  # noqa: N818  the field's word: a verdict, not a fault of the program
    """Bytes that break a rule. `refusal` is the rule's id in SPEC.md, such as `T1.prev`."""

    def __init__(self, refusal: str) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class Waiting(Exception):  # noqa: N818  likewise a verdict
    """Bytes that refer to something beyond the heads known here: read, do not write (SPEC 4.1)."""
