"""`/api/v1/`: session, sign-up, sign-in, unlock, password, and the account's own blobs.

Each view proves, parses, calls one function, renders. The routes before a sign-in are open to
anybody, check CSRF like all others, and answer for addresses without an account as for others.
"""

from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import keyring, links, login, password, serializers, sessions, signup, unlock
from accounts.device import remember_device
from accounts.kek import deployment_id
from accounts.models import AccountBlob, User
from accounts.wire import StrictSerializer

BODY_OVERHEAD = 1024  # bytes beside the blob


class AccountView(APIView):
    """For whoever is signed in, all stages passed."""

    def http(self) -> HttpRequest:
        """Return Django's request, on which allauth and the session work."""
        return self.request._request  # noqa: SLF001 - DRF has no other name for it

    def parse(self, shape: type[StrictSerializer]) -> dict[str, Any]:
        body = shape(data=self.request.data)
        body.is_valid(raise_exception=True)
        parsed: dict[str, Any] = body.validated_data
        return parsed

    def person(self) -> User:
        user = self.request.user
        if not isinstance(user, User):
            raise TypeError(user)  # the permission class has let nobody else through
        return user

    def signed_in(self, user: User | None) -> Response:
        """Answer a sign-in: the bundle, or which stage asks for more."""
        if user is None:
            return Response(
                {
                    "state": "pending",
                    "stage": login.pending_stage(self.http()),
                    "csrf": get_token(self.http()),
                }
            )
        response = Response(
            {
                "state": "signed_in",
                "csrf": get_token(self.http()),
                "bundle": keyring.bundle_of(user),
            }
        )
        remember_device(self.http(), response, user.id)
        return response


class OpenView(AccountView):
    """For anybody."""

    permission_classes = (AllowAny,)


class SessionView(OpenView):
    def get(self, request: Request) -> Response:
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

    def delete(self, _request: Request) -> Response:
        login.sign_out(self.http())
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionListView(AccountView):
    def get(self, _request: Request) -> Response:
        current = self.http().session.session_key
        return Response({"sessions": sessions.sessions_of(self.person(), current=current)})


class SessionDetailView(AccountView):
    def delete(self, _request: Request, session_id: int) -> Response:
        sessions.session_end(self.person(), session_id=session_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SignupStartView(OpenView):
    def post(self, _request: Request) -> Response:
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
    def post(self, _request: Request) -> Response:
        body = self.parse(serializers.SignupFinish)
        signup.signup_finish(
            self.http(),
            handle=body["handle"],
            opaque_record=body["record"],
            keyring=body["keyring"]["blob"],
            wraps=[signup.Wrap(**wrap) for wrap in body["wraps"]],
        )
        answer = {"state": "pending", "stage": "signup_code", "csrf": get_token(self.http())}
        return Response(answer, status=status.HTTP_202_ACCEPTED)


class SignupVerifyView(OpenView):
    def post(self, _request: Request) -> Response:
        code = self.parse(serializers.Code)["code"]
        return self.signed_in(signup.signup_verify(self.http(), code=code))


class SignupResendView(OpenView):
    def post(self, _request: Request) -> Response:
        self.parse(serializers.Empty)
        signup.signup_resend(self.http())
        return Response({}, status=status.HTTP_202_ACCEPTED)


class LoginStartView(OpenView):
    def post(self, _request: Request) -> Response:
        body = self.parse(serializers.LoginStart)
        handle, ke2 = login.login_start(self.http(), email=body["email"], ke1=body["ke1"])
        return Response({"handle": handle, "ke2": ke2})


class LoginFinishView(OpenView):
    def post(self, _request: Request) -> Response:
        body = self.parse(serializers.LoginFinish)
        user = login.login_finish(self.http(), handle=body["handle"], ke3=body["ke3"])
        return self.signed_in(user)


class LoginEmailView(OpenView):
    """The stage `verify_email`."""

    def post(self, _request: Request) -> Response:
        code = self.parse(serializers.Code)["code"]
        return self.signed_in(login.pass_email_stage(self.http(), code=code))


class LoginSecondFactorView(OpenView):
    """The stage `mfa_authenticate`."""

    def post(self, _request: Request) -> Response:
        code = self.parse(serializers.SecondFactor)["code"]
        return self.signed_in(login.pass_second_factor(self.http(), code=code))


class LoginLinkView(OpenView):
    def post(self, _request: Request) -> Response:
        links.link_request(self.http(), email=self.parse(serializers.LinkRequest)["email"])
        return Response({}, status=status.HTTP_202_ACCEPTED)


class LoginDeviceView(OpenView):
    def post(self, _request: Request) -> Response:
        account = links.link_use(self.parse(serializers.LinkUse)["token"])
        response = Response(status=status.HTTP_204_NO_CONTENT)
        remember_device(self.http(), response, account)
        return response


class UnlockStartView(AccountView):
    def post(self, _request: Request) -> Response:
        body = self.parse(serializers.UnlockStart)
        handle, ke2 = unlock.unlock_start(self.http(), self.person(), ke1=body["ke1"])
        return Response({"handle": handle, "ke2": ke2})


class UnlockFinishView(AccountView):
    def post(self, _request: Request) -> Response:
        body = self.parse(serializers.LoginFinish)
        unlock.unlock_finish(self.http(), self.person(), handle=body["handle"], ke3=body["ke3"])
        return Response({"bundle": keyring.bundle_of(self.person())})


class PasswordStartView(AccountView):
    def post(self, _request: Request) -> Response:
        body = self.parse(serializers.PasswordStart)
        made = password.password_start(self.http(), self.person(), message=body["request"])
        return Response({"handle": made.handle, "cred": made.cred, "response": made.response})


class PasswordFinishView(AccountView):
    def post(self, _request: Request) -> Response:
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
    def get(self, _request: Request) -> Response:
        return Response(keyring.bundle_of(self.person()))


class BlobView(AccountView):
    """A blob of the account's own; the two below say which."""

    kind: AccountBlob.Kind
    shape: type[StrictSerializer]

    def get(self, _request: Request) -> Response:
        found = keyring.blob_get(account=self.person().id, kind=self.kind)
        return Response(found or {"counter": 0, "blob": None})

    def put(self, _request: Request) -> Response:
        body = self.parse(self.shape)
        counter = keyring.blob_put(account=self.person().id, kind=self.kind, **body)
        return Response({"counter": counter})


class PinsView(BlobView):
    kind = AccountBlob.Kind.PINS
    shape = serializers.PinsIn
    # base64url in JSON takes a third more.
    max_body_bytes = serializers.MAX_PINS * 4 // 3 + BODY_OVERHEAD


class SettingsView(BlobView):
    kind = AccountBlob.Kind.SETTINGS
    shape = serializers.SettingsIn
    max_body_bytes = serializers.MAX_SETTINGS * 4 // 3 + BODY_OVERHEAD


class KitSavedView(AccountView):
    def post(self, _request: Request) -> Response:
        self.parse(serializers.Empty)
        keyring.kit_saved(self.person())
        return Response(status=status.HTTP_204_NO_CONTENT)
