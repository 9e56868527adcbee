"""Another password: a new OPAQUE record, the AMK wrapped anew, every other session ended."""

from uuid import UUID

from celery import signature
from django.contrib.auth import update_session_auth_hash
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.errors import Conflict, Invalid
from accounts.kek import SealedRow, kek_hold_current, open_kek
from accounts.limits import Bucket
from accounts.models import AmkWrap, OpaqueRecord, User
from accounts.opaque import check_record
from accounts.sessions import note_renewed_session
from accounts.signup import Registration, Wrap, register
from accounts.tickets import TicketGone, ticket_take
from accounts.unlock import require_step_up
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from vaults.crypto.keys import SUITE


class CredMoved(Conflict):
    """The password was changed by another browser meanwhile."""

    code = "cred_moved"
    title = "The password was changed elsewhere. Sign in again."


class WrapTaken(Conflict):
    """Another wrap has this id."""

    code = "taken"


def password_start(request: HttpRequest, user: User, *, message: bytes) -> Registration:
    """Answer a registration request for the session's account.

    Raises:
        StepUpRequired: the present password was not proved within five minutes.
        TooMany, KmsUnavailable, Invalid: as in `signup_start`.
    """
    require_step_up(request)
    buckets = [Bucket("password", str(user.id), 10)]
    return register(request, account=user.id, message=message, purpose="password", buckets=buckets)


def password_finish(
    request: HttpRequest, user: User, *, handle: bytes, opaque_record: bytes, wrap: Wrap, old: bytes
) -> None:
    """Replace record, credential and wrap in one transaction; this session stays.

    `old` is the credential id that the browser replaces, 16 bytes.

    Raises:
        CredMoved: it is not the present one.
        TicketGone, StepUpRequired, Invalid, KmsUnavailable: nothing was written.
    """
    require_step_up(request)
    kept = ticket_take(request, purpose="password", handle=handle)
    if UUID(bytes=kept["account"]) != user.id:
        raise TicketGone
    if wrap.wrap != AmkWrap.Wrap.AUK or wrap.cred != kept["cred"]:
        raise Invalid("the wrap is for another credential")
    stored = check_record(opaque_record)
    with open_kek(None) as kek:
        sealed = kek.seal("opaque", user.id.bytes, stored)
        sealed_wrap = kek.seal("amk", wrap.id, wrap.blob)
    with unit_of_work():
        kek_hold_current(None, sealed.kek_version)
        _replace_record(user, old, kept, sealed)
        _replace_wrap(user, wrap, sealed_wrap)
        user.set_unusable_password()  # a new random value, which every session is checked against
        user.save(update_fields=["password"])
        record(
            action=Action.ACCOUNT_PASSWORD_CHANGED, scope=Scope.account(user.id), actor_id=user.id
        )
        task = signature("accounts.mail_password_changed", args=(str(user.id),))
        transaction.on_commit(task.delay)
    before = str(request.session.session_key)
    update_session_auth_hash(request, user)
    note_renewed_session(request, before=before)


def _replace_record(user: User, old: bytes, kept: dict[str, str], sealed: SealedRow) -> None:
    """Compare and swap on the credential."""
    replaced = OpaqueRecord.objects.filter(account=user, cred=old).update(
        cred=kept["cred"],
        login_key_id=kept["login_key_id"],
        suite=SUITE,
        kek_version=sealed.kek_version,
        blob=sealed.blob,
        changed_at=timezone.now(),
    )
    if not replaced:
        raise CredMoved


def _replace_wrap(user: User, wrap: Wrap, sealed: SealedRow) -> None:
    AmkWrap.objects.filter(account=user, wrap=AmkWrap.Wrap.AUK).delete()
    try:
        AmkWrap.objects.create(
            id=UUID(bytes=wrap.id),
            account=user,
            wrap=AmkWrap.Wrap.AUK,
            cred=wrap.cred,
            kek_version=sealed.kek_version,
            blob=sealed.blob,
        )
    except IntegrityError:
        raise WrapTaken from None
