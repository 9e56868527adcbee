"""The provider of this process. Config says which; nobody else reads settings for it."""

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from vaults.kms.base import Journal, Kms
from vaults.kms.local import LOGIN_KEY, MASTER_KEY, LocalKms

if TYPE_CHECKING:
    from vaults.kms.aws import Profile


@dataclass(frozen=True, slots=True)
class LocalProvider:
    """Keys in the file at `path`."""

    path: Path
    master_key_id: str = MASTER_KEY
    login_key_id: str = LOGIN_KEY


@dataclass(frozen=True, slots=True)
class AwsProvider:
    """Keys in AWS KMS, named by ARN; `endpoint_url` for a VPC endpoint or an emulator."""

    region: str
    master_key_id: str
    login_key_id: str
    profile: "Profile"
    endpoint_url: str | None = None


Provider = LocalProvider | AwsProvider

_UNCONFIGURED: Final = "vaults.kms.registry.configure() has not been called"


class _Registry:
    """What was configured, and the provider built from it at first use.

    Built at first use and again after a fork: a boto3 client must not cross one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._configured: tuple[Provider, Journal] | None = None
        self._built: Kms | None = None
        os.register_at_fork(after_in_child=self._forget)

    def configure(self, provider: Provider, journal: Journal) -> None:
        with self._lock:
            self._configured = (provider, journal)
            self._built = None

    def provider(self) -> Provider:
        if self._configured is None:
            raise RuntimeError(_UNCONFIGURED)
        return self._configured[0]

    def kms(self) -> Kms:
        built = self._built
        if built is not None:
            return built
        with self._lock:
            if self._built is None:
                if self._configured is None:
                    raise RuntimeError(_UNCONFIGURED)
                self._built = _build(*self._configured)
            return self._built

    def _forget(self) -> None:
        self._lock = Lock()
        self._built = None


def _build(provider: Provider, journal: Journal) -> Kms:
    if isinstance(provider, LocalProvider):
        return LocalKms(provider.path, journal)
    # boto3 is 10 MB of each process that loads it, so only those do that use it.
    from vaults.kms.aws import AwsKms  # noqa: PLC0415

    return AwsKms(
        region=provider.region,
        journal=journal,
        profile=provider.profile,
        endpoint_url=provider.endpoint_url,
    )


_registry = _Registry()


def configure(provider: Provider, journal: Journal) -> None:
    """Say which provider this process uses, and where its calls are reported."""
    _registry.configure(provider, journal)


def current() -> Kms:
    """Return the provider of this process.

    Raises:
        RuntimeError: `configure` has not been called.
    """
    return _registry.kms()


def master_key_id() -> str:
    """Return the id of the key under which new KEKs are sealed."""
    return _registry.provider().master_key_id


def login_key_id() -> str:
    """Return the id of the key under which new login records derive their seed."""
    return _registry.provider().login_key_id


def local_key_file() -> Path | None:
    """Return where the local provider keeps its keys; None for any other provider."""
    provider = _registry.provider()
    return provider.path if isinstance(provider, LocalProvider) else None
