"""The root of what services raise. Only config/errors.py knows what HTTP makes of it."""

from typing import ClassVar


class DomainError(Exception):
    """A rule said no. `code` is stable and meant for clients, `title` for people."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused."

    def __init__(self, detail: str = "", **extra: object) -> None:
        """Keep what a client may be told.

        Args:
            detail: one sentence; never a secret, and never what somebody typed.
            extra: further members of the answer, such as the current head.
        """
        super().__init__(detail or self.title)
        self.detail = detail
        self.extra = extra


class AccessDenied(DomainError):  # noqa: N818 - the name is a sentence in access functions
    """Absent, another tenant's, or not allowed: told apart nowhere, on purpose."""

    code = "not_found"
    title = "There is nothing here that you may use."


class Conflict(DomainError):  # noqa: N818
    """Somebody was first. The client folds again and decides."""

    code = "conflict"
    title = "The state changed meanwhile."


class Invalid(DomainError):  # noqa: N818
    """What was sent is well-formed for the parser, and breaks a rule."""

    code = "invalid"
    title = "The request breaks a rule."


class StepUpRequired(DomainError):  # noqa: N818
    """The person has to prove again who they are."""

    code = "step_up_needed"
    title = "Confirm with your password first."


class RateLimited(DomainError):  # noqa: N818
    """Too many tries; `retry_after` in `extra` is in seconds."""

    code = "too_many"
    title = "Too many tries. Wait before the next."


class Unavailable(DomainError):  # noqa: N818
    """A service that we depend on does not answer; nothing was written."""

    code = "unavailable"
    title = "A service this needs does not answer. Nothing was changed."


class Gone(DomainError):  # noqa: N818
    """It was here once, and its time is over."""

    code = "gone"
    title = "This is over."


class Unauthenticated(DomainError):  # noqa: N818
    """Who asks has not shown who they are."""

    code = "not_signed_in"
    title = "Sign in first."


class Forbidden(DomainError):  # noqa: N818
    """Not allowed, to somebody who may know that the thing exists."""

    code = "forbidden"
    title = "This is not allowed."
