"""Making an account: two OPAQUE messages, an upload, and a mailed code.

The server answers an address that has an account with the same bytes, in the same time, by the same
calls. What was uploaded for it is dropped, and its owner is told by mail.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from allauth.account.models import EmailAddress
from celery import signature
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.codes import code_fits
from accounts.errors import Conflict, Invalid
from accounts.ids import uuid7
from accounts.kek import OpenedKek, kek_hold_current, open_kek
from accounts.limits import Bucket, TooMany, count_try, give_back, origin_buckets
from accounts.login import CodeExpired, CodeWrong, sign_in
from accounts.models import (
    AccountBlob,
    AmkWrap,
    OpaqueRecord,
    PendingSignup,
    User,
    normalise_email,
)
from accounts.opaque import (
    CRED_SIZE,
    answer_registration,
    check_points,
    check_record,
    oprf_seed,
    server_keys,
)
from accounts.tickets import REGISTRATION_SECONDS, session_hash, ticket_issue, ticket_take
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from vaults.crypto.keys import SUITE
from vaults.crypto.seal import NO_TEAM
from vaults.kms import registry
from vaults.kms.base import KmsUnavailable

MAX_EMAIL: Final = 254  # characters, as the rows take
_SESSION: Final = "signup"


@dataclass(frozen=True, slots=True)
class Registration:
    """The server's answer to a registration request, and the ids that it is for."""

    handle: bytes
    account: UUID
    cred: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class Wrap:
    """The AMK as the browser wrapped it, 113 bytes."""

    id: bytes
    wrap: str
    cred: bytes
    blob: bytes


@dataclass(frozen=True, slots=True)
class _Upload:
    record: bytes
    keyring: bytes
    auk: Wrap
    kit: Wrap


def signup_start(request: HttpRequest, *, email: str, message: bytes) -> Registration:
    """Answer a registration request; the database is not asked whether the address is known.

    Raises:
        Invalid: no e-mail address, or no message of OPAQUE.
        TooMany: not yet.
        KmsUnavailable: nothing was counted.
    """
    email = valid_email(email)
    buckets = [Bucket("signup", email, 5), *origin_buckets(request, "signup")]
    return register(
        request, account=uuid7(), message=message, purpose="signup", buckets=buckets, email=email
    )


def register(
    request: HttpRequest,
    *,
    account: UUID,
    message: bytes,
    purpose: str,
    buckets: list[Bucket],
    **content: Any,
) -> Registration:
    """Answer a registration request under a new credential id, with one call to KMS."""
    cred, login_key_id = secrets.token_bytes(CRED_SIZE), registry.login_key_id()
    with server_keys() as (kek, _deployment, keys):
        check_points(keys, message)
        counted = count_try(buckets)
        try:
            seed = oprf_seed(
                deployment=kek.deployment_id, account=account, cred=cred, login_key_id=login_key_id
            )
        except KmsUnavailable:
            give_back(counted)
            raise
        response = answer_registration(keys.setup(seed), account, message)
        kept = {"account": account.bytes, "cred": cred, "login_key_id": login_key_id, **content}
        handle = ticket_issue(
            request, kek, purpose=purpose, content=kept, seconds=REGISTRATION_SECONDS
        )
    return Registration(handle, account, cred, response)


def signup_finish(
    request: HttpRequest, *, handle: bytes, opaque_record: bytes, keyring: bytes, wraps: list[Wrap]
) -> None:
    """Keep the upload for 24 hours, and mail its code.

    Raises:
        TicketGone: it took longer than ten minutes.
        Invalid: the record is none, or the wraps are not exactly one of each kind.
        KmsUnavailable: nothing was written.
    """
    kept = ticket_take(request, purpose="signup", handle=handle)
    account, cred = UUID(bytes=kept["account"]), kept["cred"]
    auk, kit = check_wraps(wraps, cred)
    upload = _Upload(check_record(opaque_record), keyring, auk, kit)
    session = session_hash(request)
    known = User.objects.filter(email=kept["email"]).exists()
    with open_kek(None) as kek:
        sealed = _sealed(kek, account, upload, known=known)
        version = kek.version
    with unit_of_work():
        kek_hold_current(None, version)
        PendingSignup.objects.filter(session=session).delete()
        row = PendingSignup.objects.create(
            email=kept["email"],
            account_id=account,
            session=session,
            known=known,
            cred=cred,
            login_key_id=kept["login_key_id"],
            suite=SUITE,
            kek_version=version,
            **sealed,
        )
        _mail(row)
    request.session[_SESSION] = str(row.id)


def signup_verify(request: HttpRequest, *, code: str) -> User:
    """Make the account of this session's sign-up, and sign its person in.

    Raises:
        CodeWrong: `tries_left` says how many remain.
        CodeExpired: too many tries, too late, or the address was verified by another sign-up.
        Conflict: an id of the upload is taken.
    """
    with unit_of_work():
        row = _pending(request)
        if row is None:
            raise CodeExpired
        row.tries += 1
        row.save(update_fields=["tries"])
        fits = code_fits("signup", code_name(row), code) and not row.known
        left = PendingSignup.MAX_TRIES - row.tries
        if fits:
            try:
                user = _make_account(row)
            except IntegrityError:
                raise Conflict("an id of the upload is taken") from None
        elif left == 0:
            row.delete()
    if not fits:
        raise CodeWrong(tries_left=left)
    del request.session[_SESSION]
    if sign_in(request, user, method="opaque", is_new=True) is None:
        raise Conflict("the sign-in waits for another stage")
    return user


def signup_resend(request: HttpRequest) -> None:
    """Mail another code; the ones before it stop to fit.

    Raises:
        CodeExpired: there is no sign-up to speak of.
        TooMany: it was mailed often enough.
    """
    with unit_of_work():
        row = _pending(request)
        if row is None:
            raise CodeExpired
        if row.mails >= PendingSignup.MAX_MAILS:
            raise TooMany(retry_after=int(PendingSignup.LIFETIME.total_seconds()))
        row.mails += 1
        row.save(update_fields=["mails"])
        _mail(row)


def signup_waits(request: HttpRequest) -> bool:
    """Return whether this session's sign-up waits for its code."""
    if _SESSION not in request.session:
        return False
    return bool(_rows(request).exists())


def purge_signups(*, now: datetime | None = None) -> int:
    """Delete sign-ups whose time is over; returns how many there were."""
    over = (now or timezone.now()) - PendingSignup.LIFETIME
    return PendingSignup.objects.filter(created_at__lt=over).delete()[0]


def code_name(row: PendingSignup) -> str:
    """Return what a sign-up's present code is derived from."""
    return f"{row.id} {row.mails}"


def check_wraps(wraps: list[Wrap], cred: bytes) -> tuple[Wrap, Wrap]:
    """Return the password's and the kit's wrap.

    Raises:
        Invalid: not exactly these two, or made for another credential.
    """
    by_kind = {wrap.wrap: wrap for wrap in wraps}
    auk, kit = by_kind.get("auk"), by_kind.get("kit")
    if auk is None or kit is None or len(wraps) != 2 or auk.id == kit.id:  # noqa: PLR2004 - named
        raise Invalid("one wrap for the password and one for the kit")
    if auk.cred != cred or kit.cred != NO_TEAM:
        raise Invalid("a wrap is for another credential")
    return auk, kit


def valid_email(text: str) -> str:
    """Return the one form of an address.

    Raises:
        Invalid: it is none.
    """
    email = normalise_email(text)
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid("not an e-mail address") from None
    if len(email) > MAX_EMAIL:  # NFKC lengthens: a ligature becomes three letters
        raise Invalid("not an e-mail address")
    return email


def _sealed(kek: OpenedKek, account: UUID, upload: _Upload, *, known: bool) -> dict[str, Any]:
    """Seal an upload for its rows; for a known address the seals are made and thrown away."""
    auk_id, kit_id = UUID(bytes=upload.auk.id), UUID(bytes=upload.kit.id)
    blobs = {
        "record": kek.seal("opaque", account.bytes, upload.record).blob,
        "keyring": upload.keyring,
        "auk": kek.seal("amk", auk_id.bytes, upload.auk.blob).blob,
        "kit": kek.seal("amk", kit_id.bytes, upload.kit.blob).blob,
    }
    random = {name: secrets.token_bytes(len(blob)) for name, blob in blobs.items()}
    return {**(random if known else blobs), "auk_id": auk_id, "kit_id": kit_id}


def _rows(request: HttpRequest) -> Any:
    return PendingSignup.objects.filter(
        pk=request.session[_SESSION],
        session=session_hash(request),
        created_at__gt=timezone.now() - PendingSignup.LIFETIME,
    )


def _pending(request: HttpRequest) -> PendingSignup | None:
    """Lock this session's sign-up, so that tries count one by one.

    With it, in one order, all others of the address: verifying one deletes them, and two that are
    verified at once would wait for each other.
    """
    if _SESSION not in request.session:
        return None
    address = _rows(request).values("email")
    rows = PendingSignup.objects.filter(email__in=address).order_by("pk").select_for_update()
    mine = request.session[_SESSION]
    return next((row for row in rows if str(row.pk) == mine), None)


def _mail(row: PendingSignup) -> None:
    task = signature("accounts.mail_signup", args=(str(row.id),))
    transaction.on_commit(task.delay)


def _make_account(row: PendingSignup) -> User:
    """Move a sign-up into the rows of an account; sign-ups of the same address are dropped."""
    if User.objects.filter(email=row.email).exists():
        raise CodeExpired
    user = User.objects.create_user(row.email, id=row.account_id)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    OpaqueRecord.objects.create(
        account=user,
        cred=row.cred,
        login_key_id=row.login_key_id,
        suite=row.suite,
        kek_version=row.kek_version,
        blob=row.record,
    )
    for name, cred in (("auk", row.cred), ("kit", NO_TEAM)):
        AmkWrap.objects.create(
            id=getattr(row, f"{name}_id"),
            account=user,
            wrap=name,
            cred=cred,
            kek_version=row.kek_version,
            blob=getattr(row, name),
        )
    AccountBlob.objects.create(
        account=user, kind=AccountBlob.Kind.KEYRING, counter=1, blob=row.keyring
    )
    PendingSignup.objects.filter(email=row.email).delete()
    scope = Scope.account(user.id)
    record(action=Action.ACCOUNT_CREATED, scope=scope, actor_id=user.id)
    record(action=Action.ACCOUNT_KEYRING_STORED, scope=scope, actor_id=user.id)
    return user
