"""What an installation needs once: its id, its KEK, its OPAQUE keys."""

from contextlib import suppress
from uuid import uuid4

from django.db import IntegrityError

from accounts.kek import OpenedKek, kek_insert, kek_prepare
from accounts.models import Deployment
from accounts.opaque import RECORD_SIZE, ServerKeys
from audit.services import unit_of_work
from vaults.crypto.keys import Kek
from vaults.kms import registry
from vaults.kms.cache import kek_context
from vaults.kms.local import create_key_file

FIRST_VERSION = 1


def deployment_setup() -> bool:
    """Make what is missing; safe to run at every start, by several processes at once.

    Returns:
        Whether this call made the deployment.

    Raises:
        KmsUnavailable: nothing was written.
    """
    if Deployment.objects.exists():
        return False
    _local_keys()
    deployment = uuid4()
    prepared = kek_prepare(None, deployment=deployment)
    context = kek_context(deployment=deployment, team=None, kek=prepared.id)
    opened = registry.current().decrypt(
        key_id=prepared.master_key_id, blob=prepared.blob, context=context
    )
    # The cache cannot be asked: the row that names the KEK does not exist yet.
    with Kek(opened.plaintext) as key, ServerKeys.generate() as keys:
        opened.plaintext[:] = bytes(len(opened.plaintext))
        opened_kek = OpenedKek(deployment, None, FIRST_VERSION, key, prepared.call_id)
        sealed = opened_kek.seal("server", deployment.bytes, keys.raw)
        decoy = opened_kek.seal("opaque", deployment.bytes, bytes(RECORD_SIZE))
    try:
        with unit_of_work():
            Deployment.objects.create(
                id=deployment, opaque_keys=sealed.blob, decoy=decoy.blob, kek_version=FIRST_VERSION
            )
            kek_insert(prepared)
    except IntegrityError:
        return False  # another process was first, and its row is as good as ours
    return True


def _local_keys() -> None:
    """With the local provider the keys are a file, made here and never overwritten."""
    path = registry.local_key_file()
    if path is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process was first
            create_key_file(path)
