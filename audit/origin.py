"""Where the request at hand comes from, so that services need not pass it along."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vaults.crypto import cbor

MAX_USER_AGENT: Final = 400  # characters


@dataclass(frozen=True, slots=True)
class Origin:
    """The personal part of what a request records, and what ties its KMS calls to it."""

    address: str
    user_agent: str
    trace_id: UUID
    # Asked only when a KMS call is journalled: finding out may cost a query.
    find_actor: Callable[[], UUID | None]

    def encode_personal(self) -> bytes:
        """Deterministic CBOR of `{address, user_agent}`: what can be erased."""
        return cbor.dumps({"address": self.address, "user_agent": self.user_agent[:MAX_USER_AGENT]})


_origin: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


def current_origin() -> Origin | None:
    """Return the origin of the request at hand; None in tasks and commands."""
    return _origin.get()


@contextmanager
def origin_set(origin: Origin) -> Iterator[None]:
    """Make `origin` the current one for the length of a `with`."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
