"""`/api/v1/`: session, sign-up, sign-in, unlock, password, and the account's own blobs.

Each view proves, parses, calls one function, renders. The routes before a sign-in are open to
anybody, check CSRF like all others, and answer for addresses without an account as for others.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import keyring, links, login, password, serializers, sessions, signup, unlock
from accounts.authentication import BrowserSession
from accounts.device import remember_device
from accounts.endpoint import Endpoint
from accounts.kek import deployment_id
from accounts.models import AccountBlob, User
from accounts.schema import NOTHING, problems
from accounts.wire import StrictSerializer, parse

BODY_OVERHEAD = 1024  # bytes beside the blob


class AccountView(Endpoint):
    """For whoever is signed in, all stages passed."""

    def http(self) -> HttpRequest:
        """Return Django's request, on which allauth and the session work."""
        return self.request._request  # noqa: SLF001 - DRF has no other name for it

    def parse(self, shape: type[StrictSerializer]) -> dict[str, Any]:
        return parse(shape, self.request)

    def person(self) -> User:
        user = self.request.user
        if not isinstance(user, User):
            raise TypeError(user)  # the permission class has let nobody else through
        return user

    def signed_in(self, user: User | None) -> Response:
        """Answer a sign-in: the bundle, or which stage asks for more."""
        csrf = get_token(self.http())
        if user is None:
            stage = login.pending_stage(self.http())
            return Response({"state": "pending", "stage": stage, "csrf": csrf})
        bundle = keyring.bundle_of(user)
        response = Response({"state": "signed_in", "csrf": csrf, "bundle": bundle})
        remember_device(self.http(), response, user.id)
        return response


class OpenView(AccountView):
    """For anybody; who that is, is found out by what needs to know it."""

    permission_classes = (AllowAny,)

    def perform_authentication(self, request: Request) -> None:
        """Check CSRF, as everywhere. DRF would read the account, which costs a query."""
        BrowserSession().enforce_csrf(request)


class SessionView(OpenView):
    @extend_schema(
        responses={
            200: serializers.SessionOut,
            **problems("kms_unavailable", safe=True, public=True),
        }
    )
    def get(self, request: Request) -> Response:
        """Say who asks, and give the token for X-CSRFToken."""
        http, user = self.http(), request.user
        stage = "signup_code" if signup.signup_waits(http) else login.pending_stage(http)
        state = "anonymous" if stage is None else "pending"
        known = isinstance(user, User)
        return Response(
            {
                "state": "signed_in" if known else state,
                "stage": None if known else stage,
                "csrf": get_token(http),
                "account": user.pk,
                "email": user.email if isinstance(user, User) else None,
                "deployment": deployment_id(),
            }
        )

    @extend_schema(responses={204: None, **problems(body=False)})
    def delete(self, _request: Request) -> Response:
        """Sign out. Fails only in a session that is not that of the account which is named."""
        login.sign_out(self.http())
        return Response(status=204)


class SessionListView(AccountView):
    @extend_schema(responses={200: serializers.SessionsOut, **problems(safe=True)})
    def get(self, _request: Request) -> Response:
        """List the account's live sessions, newest first."""
        current = str(self.http().session.session_key)
        return Response({"sessions": sessions.sessions_of(self.person(), current=current)})


class SessionDetailView(AccountView):
    @extend_schema(responses={204: None, **problems("not_found", body=False)})
    def delete(self, _request: Request, session_id: int) -> Response:
        """End one session of the account."""
        sessions.session_end(self.person(), session_id=session_id)
        return Response(status=204)


class SignupStartView(OpenView):
    @extend_schema(
        request=serializers.SignupStart,
        responses={
            200: serializers.SignupStarted,
            **problems("too_many", "kms_unavailable", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Begin an account; a known address gets the same kind of answer."""
        body = self.parse(serializers.SignupStart)
        made = signup.signup_start(self.http(), email=body["email"], message=body["request"])
        return Response(
            {
                "handle": made.handle,
                "account": made.account,
                "cred": made.cred,
                "response": made.response,
            }
        )


class SignupFinishView(OpenView):
    @extend_schema(
        request=serializers.SignupFinish,
        responses={
            202: serializers.SignupPending,
            **problems("gone", "kek_moved", "kms_unavailable", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Bring record, keyring and wraps; a code goes out by mail."""
        body = self.parse(serializers.SignupFinish)
        signup.signup_finish(
            self.http(),
            handle=body["handle"],
            opaque_record=body["record"],
            keyring=body["keyring"]["blob"],
            wraps=[signup.Wrap(**wrap) for wrap in body["wraps"]],
        )
        answer = {"state": "pending", "stage": "signup_code", "csrf": get_token(self.http())}
        return Response(answer, status=202)


class SignupVerifyView(OpenView):
    @extend_schema(
        request=serializers.Code,
        responses={
            200: serializers.SignedIn,
            **problems("code_wrong", "code_expired", "conflict", "kms_unavailable", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Take the mailed code; the account exists from now on."""
        code = self.parse(serializers.Code)["code"]
        return self.signed_in(signup.signup_verify(self.http(), code=code))


class SignupResendView(OpenView):
    @extend_schema(
        request=serializers.Empty,
        responses={
            202: NOTHING,
            **problems("code_expired", "too_many", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Mail the code once more."""
        self.parse(serializers.Empty)
        signup.signup_resend(self.http())
        return Response({}, status=202)


class LoginStartView(OpenView):
    @extend_schema(
        request=serializers.LoginStart,
        responses={
            200: serializers.LoginStarted,
            **problems("too_many", "kms_unavailable", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Begin to sign in; an unknown address gets the same kind of answer."""
        body = self.parse(serializers.LoginStart)
        handle, ke2 = login.login_start(self.http(), email=body["email"], ke1=body["ke1"])
        return Response({"handle": handle, "ke2": ke2})


class LoginFinishView(OpenView):
    @extend_schema(
        request=serializers.LoginFinish,
        responses={
            200: serializers.SignedIn,
            **problems("login_failed", "gone", "kms_unavailable", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Prove the password by KE3."""
        body = self.parse(serializers.LoginFinish)
        user = login.login_finish(self.http(), handle=body["handle"], ke3=body["ke3"])
        return self.signed_in(user)


class LoginEmailView(OpenView):
    """The stage `verify_email`."""

    @extend_schema(
        request=serializers.Code,
        responses={
            200: serializers.SignedIn,
            **problems("code_wrong", "code_expired", "kms_unavailable", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Pass the stage verify_email."""
        code = self.parse(serializers.Code)["code"]
        return self.signed_in(login.pass_email_stage(self.http(), code=code))


class LoginSecondFactorView(OpenView):
    """The stage `mfa_authenticate`."""

    @extend_schema(
        request=serializers.SecondFactor,
        responses={
            200: serializers.SignedIn,
            **problems("code_wrong", "code_expired", "too_many", "kms_unavailable", public=True),
        },
    )
    def post(self, _request: Request) -> Response:
        """Pass the stage mfa_authenticate."""
        code = self.parse(serializers.SecondFactor)["code"]
        return self.signed_in(login.pass_second_factor(self.http(), code=code))


class LoginLinkView(OpenView):
    @extend_schema(
        request=serializers.LinkRequest,
        responses={202: NOTHING, **problems("too_many", public=True)},
    )
    def post(self, _request: Request) -> Response:
        """Mail a link that makes this browser known to the account."""
        links.link_request(self.http(), email=self.parse(serializers.LinkRequest)["email"])
        return Response({}, status=202)


class LoginDeviceView(OpenView):
    @extend_schema(
        request=serializers.LinkUse, responses={204: None, **problems("gone", public=True)}
    )
    def post(self, _request: Request) -> Response:
        """Use the mailed link."""
        account = links.link_use(self.parse(serializers.LinkUse)["token"])
        response = Response(status=204)
        remember_device(self.http(), response, account)
        return response


class UnlockStartView(AccountView):
    @extend_schema(
        request=serializers.UnlockStart,
        responses={200: serializers.LoginStarted, **problems("kms_unavailable")},
    )
    def post(self, _request: Request) -> Response:
        """Begin to prove the password in a live session."""
        body = self.parse(serializers.UnlockStart)
        handle, ke2 = unlock.unlock_start(self.http(), self.person(), ke1=body["ke1"])
        return Response({"handle": handle, "ke2": ke2})


class UnlockFinishView(AccountView):
    @extend_schema(
        request=serializers.LoginFinish,
        responses={
            200: serializers.Unlocked,
            **problems("login_failed", "gone", "kms_unavailable"),
        },
    )
    def post(self, _request: Request) -> Response:
        """Prove the password; it counts as a step-up for five minutes."""
        body = self.parse(serializers.LoginFinish)
        unlock.unlock_finish(self.http(), self.person(), handle=body["handle"], ke3=body["ke3"])
        return Response({"bundle": keyring.bundle_of(self.person())})


class PasswordStartView(AccountView):
    @extend_schema(
        request=serializers.PasswordStart,
        responses={
            200: serializers.PasswordStarted,
            **problems("step_up_needed", "too_many", "kms_unavailable"),
        },
    )
    def post(self, _request: Request) -> Response:
        """Begin a new password."""
        message = self.parse(serializers.PasswordStart)["request"]
        made = password.password_start(self.http(), self.person(), message=message)
        return Response({"handle": made.handle, "cred": made.cred, "response": made.response})


class PasswordFinishView(AccountView):
    @extend_schema(
        request=serializers.PasswordFinish,
        responses={
            200: serializers.CsrfOut,
            **problems(
                "step_up_needed", "gone", "cred_moved", "taken", "kek_moved", "kms_unavailable"
            ),
        },
    )
    def post(self, _request: Request) -> Response:
        """Put the new record and wrap in place; other sessions end."""
        body = self.parse(serializers.PasswordFinish)
        password.password_finish(
            self.http(),
            self.person(),
            handle=body["handle"],
            opaque_record=body["record"],
            wrap=signup.Wrap(**body["wrap"]),
            old=body["old_cred"],
        )
        return Response({"csrf": get_token(self.http())})


class BundleView(AccountView):
    @extend_schema(responses={200: serializers.BundleOut, **problems("kms_unavailable", safe=True)})
    def get(self, _request: Request) -> Response:
        """Serve what unlocks the account."""
        return Response(keyring.bundle_of(self.person()))


def blob_schema(shape: type[StrictSerializer]) -> Callable[..., Any]:
    """Describe the write of one blob."""
    return extend_schema(
        request=shape,
        responses={200: serializers.CounterOut, **problems("counter_moved")},
        description="Store the blob as number `counter`, the stored one's + 1.",
    )


class BlobView(AccountView):
    """A blob of the account's own; the two below say which."""

    kind: AccountBlob.Kind
    shape: type[StrictSerializer]

    @extend_schema(responses={200: serializers.BlobOut, **problems(safe=True)})
    def get(self, _request: Request) -> Response:
        """Serve the blob; counter 0 before the first write."""
        found = keyring.blob_get(account=self.person().id, kind=self.kind)
        return Response(found or {"counter": 0, "blob": None})

    def put(self, _request: Request) -> Response:
        body = self.parse(self.shape)
        counter = keyring.blob_put(account=self.person().id, kind=self.kind, **body)
        return Response({"counter": counter})


@extend_schema_view(put=blob_schema(serializers.PinsIn))
class PinsView(BlobView):
    kind = AccountBlob.Kind.PINS
    shape = serializers.PinsIn
    # base64url in JSON takes a third more.
    max_body_bytes = serializers.MAX_PINS * 4 // 3 + BODY_OVERHEAD


@extend_schema_view(put=blob_schema(serializers.SettingsIn))
class SettingsView(BlobView):
    kind = AccountBlob.Kind.SETTINGS
    shape = serializers.SettingsIn
    max_body_bytes = serializers.MAX_SETTINGS * 4 // 3 + BODY_OVERHEAD


class KitSavedView(AccountView):
    @extend_schema(request=serializers.Empty, responses={204: None, **problems()})
    def post(self, _request: Request) -> Response:
        """Note that the recovery kit is kept."""
        self.parse(serializers.Empty)
        keyring.kit_saved(self.person())
        return Response(status=204)
