"""Which key provider this process uses, and where its calls are reported."""

from typing import Any

from audit.kms_journal import DatabaseJournal
from vaults.kms import cache, registry
from vaults.kms.registry import AwsProvider, LocalProvider, Provider


def configure_kms(settings: Any) -> None:
    """Give `vaults.kms` its provider, its journal and its cache; nothing is asked of them yet."""
    registry.configure(provider_of(settings), DatabaseJournal())
    cache.configure(ttl_seconds=settings.KEK_CACHE_SECONDS)


def provider_of(settings: Any) -> Provider:
    """Return what the settings describe."""
    if settings.KMS_PROVIDER == "local":
        return LocalProvider(settings.KMS_LOCAL_KEY_FILE)
    return AwsProvider(
        region=settings.KMS_REGION,
        master_key_id=settings.KMS_MASTER_KEY,
        login_key_id=settings.KMS_LOGIN_KEY,
        profile=settings.KMS_PROFILE,
        endpoint_url=settings.KMS_ENDPOINT or None,
    )
