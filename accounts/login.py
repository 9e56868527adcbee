"""Signing in: the one file that does it.

KE1 and KE2 in `login_start`, KE3 in `login_finish`, then allauth's stages (the e-mail address, the
second factor), and only when all have passed a session that is anybody's.
"""

import time
from typing import Any, Final
from uuid import UUID

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.stagekit import get_pending_stage
from allauth.account.models import EmailAddress, Login
from allauth.account.stages import LoginStage, LoginStageController
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.stages import AuthenticateStage
from celery import signature
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts.authentication import is_from_another
from accounts.codes import code_fits
from accounts.device import known_device
from accounts.errors import Gone, Invalid, Unauthenticated
from accounts.kek import OpenedKek
from accounts.limits import Bucket, count_try, give_back, guess_buckets
from accounts.models import Deployment, OpaqueRecord, User, normalise_email
from accounts.opaque import (
    KE1_SIZE,
    Credential,
    LoginRefused,
    ServerKeys,
    answer_login,
    check_points,
    oprf_seed,
    server_keys_and_record,
    synthetic_credential,
    verify_login,
)
from accounts.rows import Rows
from accounts.tickets import LOGIN_SECONDS, TicketGone, ticket_issue, ticket_take
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from vaults.kms.base import KmsUnavailable

BACKEND: Final = "accounts.authentication.AccountBackend"
STAGE_TRIES: Final = 5
_POINT: Final = 32  # bytes; KE1 = point ‖ nonce ‖ point

# What the two stages ask, read with the account.
_STAGES: Final = {
    "verified": "EXISTS (SELECT 1 FROM account_emailaddress e"
    " WHERE e.user_id = t.id AND e.email = t.email AND e.verified)",
    "factors": "ARRAY(SELECT f.type FROM mfa_authenticator f WHERE f.user_id = t.id)",
}
_SIGNING_IN: Final = Rows(
    User,
    "t.id = %s AND t.is_active AND EXISTS ("
    "SELECT 1 FROM accounts_opaquerecord o WHERE o.account_id = t.id AND o.cred = %s)",
    **_STAGES,
)
_SIGNING_UP: Final = Rows(User, "t.id = %s", **_STAGES)


class CodeWrong(Invalid):
    """Another code was mailed; `tries_left` says how often one may try."""

    code = "code_wrong"
    title = "This is not the code."


class CodeExpired(Gone):
    """No code can be typed any more."""

    code = "code_expired"
    title = "The code has expired. Start again."


def login_start(request: HttpRequest, *, email: str, ke1: bytes) -> tuple[bytes, bytes]:
    """Answer KE1, whoever asks and whether or not there is such an account.

    Returns:
        The handle for `login_finish`, 16 bytes, and KE2.

    Raises:
        Invalid: KE1 is malformed; nothing was counted or asked of KMS.
        TooMany: not yet.
        KmsUnavailable: nobody can sign in.
    """
    email = normalise_email(email)
    with server_keys_and_record(email) as (kek, deployment, keys, record_row):
        check_points(keys, *points_of(ke1))
        nobody = synthetic_credential(keys, email)
        found = _credential(kek, deployment, record_row, nobody)
        counted = count_try(guess_buckets(request, found.account))
        return answer_ke1(
            request, kek, keys, found, ke1, purpose="login", content={"counted": counted}
        )


def login_finish(request: HttpRequest, *, handle: bytes, ke3: bytes) -> User | None:
    """Check KE3 and go through the stages.

    Returns:
        Who is signed in now, or None if a stage asks for more.

    Raises:
        LoginRefused: the password was wrong, there is no account, or the handle is gone.
    """
    try:
        kept = ticket_take(request, purpose="login", handle=handle)
    except TicketGone:
        raise LoginRefused from None
    account = UUID(bytes=kept["account"])
    try:
        verify_login(kept["state"], ke3)
    except LoginRefused:
        # Into the deployment's log for accounts and nobodies alike: the same rows, the same time.
        with unit_of_work():
            record(action=Action.ACCOUNT_SIGN_IN_FAILED, scope=Scope.deployment(), subject=account)
        raise
    give_back(kept["counted"])
    user = _SIGNING_IN.first(account, kept["cred"])
    if user is None:
        raise LoginRefused  # switched off, or the password was changed between start and finish
    return sign_in(request, user, method="opaque")


def sign_in(request: HttpRequest, user: User, *, method: str, is_new: bool = False) -> User | None:
    """Sign somebody in who has just shown who they are; returns None if a stage asks for more.

    `is_new`: the account was made a moment ago, by this browser.
    """
    if SESSION_KEY in request.session:
        # A sign-in begins a session of its own: the one before it ends, whoever's it was.
        request.session.flush()
        request.user = AnonymousUser()
    user.backend = BACKEND
    record_authentication(request, user, method=method)
    perform_login(request, Login(user=user, email=user.email))
    return signed_in(request, is_new=is_new)


def signed_in(request: HttpRequest, *, is_new: bool = False) -> User | None:
    """Return who passed the last stage with this request, and record it; None if nobody yet.

    A person is told by mail of a browser that never signed in to the account before.
    """
    user = request.user
    if not isinstance(user, User):
        return None
    with unit_of_work():
        record(action=Action.ACCOUNT_SIGNED_IN, scope=Scope.account(user.id), actor_id=user.id)
        if not is_new and known_device(request, user.id) is None:
            task = signature("accounts.mail_new_browser", args=(str(user.id), int(time.time())))
            transaction.on_commit(task.delay)
    return user


def sign_out(request: HttpRequest) -> None:
    """End the session, or the sign-in that waits in it.

    Raises:
        Unauthenticated: a tab of another account asks, whose session is over already.
    """
    user = request.user
    if is_from_another(request, user if isinstance(user, User) else None):
        raise Unauthenticated
    logout(request)
    if isinstance(user, User):
        with unit_of_work():
            record(action=Action.ACCOUNT_SIGNED_OUT, scope=Scope.account(user.id), actor_id=user.id)


def pending_stage(request: HttpRequest) -> str | None:
    """Return the key of the stage that a sign-in waits in: `verify_email`, `mfa_authenticate`."""
    stage = get_pending_stage(request)
    return None if stage is None else str(stage.key)


def answer_ke1(
    request: HttpRequest,
    kek: OpenedKek,
    keys: ServerKeys,
    credential: Credential,
    ke1: bytes,
    *,
    purpose: str,
    content: dict[str, Any],
) -> tuple[bytes, bytes]:
    """Make KE2 with one call to KMS, and keep what KE3 is checked against.

    `content["counted"]` is given back if KMS fails: no KE2, no guess.
    """
    try:
        seed = oprf_seed(
            deployment=kek.deployment_id,
            account=credential.account,
            cred=credential.cred,
            login_key_id=credential.login_key_id,
        )
    except KmsUnavailable:
        give_back(content["counted"])
        raise
    ke2, state = answer_login(keys.setup(seed), credential, ke1)
    account = {"account": credential.account.bytes, "cred": credential.cred, "state": state}
    handle = ticket_issue(
        request, kek, purpose=purpose, content={**content, **account}, seconds=LOGIN_SECONDS
    )
    return handle, ke2


def points_of(ke1: bytes) -> tuple[bytes, bytes]:
    """Return the two points in KE1: the blinded password and the client's key share."""
    if len(ke1) != KE1_SIZE:
        raise Invalid("KE1 is 96 bytes")
    return ke1[:_POINT], ke1[-_POINT:]


def credential_of(kek: OpenedKek, row: OpaqueRecord) -> Credential:
    """Open the record of an account."""
    opened = kek.open("opaque", row.account_id.bytes, bytes(row.blob))
    return Credential(row.account_id, bytes(row.cred), row.login_key_id, bytes(opened))


def _credential(
    kek: OpenedKek, deployment: Deployment, row: OpaqueRecord | None, nobody: Credential
) -> Credential:
    """Return the account's credential, or what stands in for one: the same work either way."""
    if row is None:
        kek.open("opaque", deployment.id.bytes, bytes(deployment.decoy))
        return nobody
    return credential_of(kek, row)


class EmailCodeStage(LoginStage):  # type: ignore[misc]  # allauth ships no types
    """Asks for a mailed code while the account's address is not verified.

    Instead of allauth's own stage, which keeps the code readable in the session.
    """

    key = "verify_email"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        if user.verified is None:  # an account that was made in this request
            (made,) = _SIGNING_UP.all(user.pk)
            user.verified, user.factors = made.verified, made.factors
        if user.verified:
            return None, True
        self.state["tries"] = 0
        signature("accounts.mail_stage_code", args=(str(user.pk), self.nonce)).delay()
        return HttpResponse(), True

    @property
    def nonce(self) -> str:
        """What tells this sign-in's code from those before it."""
        return f"{self.login.initiated_at:.6f}"

    def check(self, typed: str) -> None:
        """Go on if the code fits.

        Raises:
            CodeWrong, CodeExpired: it does not; the latter ends the sign-in.
        """
        if not code_fits("stage", f"{self.login.user.pk} {self.nonce}", typed):
            self.state["tries"] += 1
            left = STAGE_TRIES - self.state["tries"]
            if left == 0:
                self.abort()
                raise CodeExpired
            self.request.session["account_login"] = self.login.serialize()
            raise CodeWrong(tries_left=left)
        user = self.login.user
        EmailAddress.objects.update_or_create(
            user=user, email=user.email, defaults={"verified": True, "primary": True}
        )
        self.exit()


def pass_email_stage(request: HttpRequest, *, code: str) -> User | None:
    """Take the code that a sign-in asked for; returns as `sign_in`."""
    stage = LoginStageController.enter(request, EmailCodeStage.key)
    if stage is None:
        raise CodeExpired
    stage.check(code)
    return signed_in(request)


def pass_second_factor(request: HttpRequest, *, code: str) -> User | None:
    """Take a one-time or a recovery code; returns as `sign_in`."""
    stage = LoginStageController.enter(request, AuthenticateStage.key)
    if stage is None:
        raise CodeExpired
    # Fewer than allauth's own limit, which counts by reading and writing and so not exactly.
    counted = count_try([Bucket("second-factor", str(stage.login.user.pk), 4)])
    form = AuthenticateForm({"code": code}, user=stage.login.user)
    if not form.is_valid():
        raise CodeWrong
    give_back(counted)
    form.save()
    stage.exit()
    return signed_in(request)
