"""Shapes of bodies and answers about accounts. Sizes are bytes (SPEC 2, design 5)."""

from typing import Any

from rest_framework import serializers

from accounts.wire import BytesField, ConstField, IdField, StrictSerializer, TextField, UintField

MAX_KEYRING = 1024  # bytes
MAX_PINS = 512 * 1024
MAX_SETTINGS = 64 * 1024
OVERHEAD = 81  # of a seal

EMAIL = 254  # characters


Shape = serializers.Serializer[Any]


class CodeField(TextField):
    """Six digits."""

    pattern = "^[0-9]{6}$"

    def __init__(self) -> None:
        super().__init__(least=6, most=6)

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if not (text.isascii() and text.isdecimal()):
            self.refuse("digits")
        return text


class SignupStart(StrictSerializer):
    email = TextField(most=EMAIL)
    request = BytesField(32)


class KeyringIn(StrictSerializer):
    counter = ConstField(1)
    blob = BytesField(least=OVERHEAD + 1, most=MAX_KEYRING)


class WrapIn(StrictSerializer):
    id = BytesField(16)
    wrap = serializers.ChoiceField(choices=("auk", "kit"))
    cred = BytesField(16)
    blob = BytesField(OVERHEAD + 32)


class SignupFinish(StrictSerializer):
    handle = BytesField(16)
    record = BytesField(192)
    suite = ConstField(1)
    keyring = KeyringIn()
    wraps = serializers.ListField(child=WrapIn(), min_length=2, max_length=2)


class Code(StrictSerializer):
    code = CodeField()


class SecondFactor(StrictSerializer):
    code = TextField(most=32)


class Empty(StrictSerializer):
    pass


class LoginStart(StrictSerializer):
    email = TextField(most=EMAIL)
    ke1 = BytesField(96)


class LoginFinish(StrictSerializer):
    handle = BytesField(16)
    ke3 = BytesField(64)


class UnlockStart(StrictSerializer):
    ke1 = BytesField(96)


class LinkRequest(StrictSerializer):
    email = TextField(most=EMAIL)


class LinkUse(StrictSerializer):
    token = TextField(most=500)


class PasswordStart(StrictSerializer):
    request = BytesField(32)


class PasswordFinish(StrictSerializer):
    handle = BytesField(16)
    record = BytesField(192)
    suite = ConstField(1)
    wrap = WrapIn()
    old_cred = BytesField(16)


class PinsIn(StrictSerializer):
    counter = UintField(least=1)
    blob = BytesField(least=OVERHEAD + 1, most=MAX_PINS)


class SettingsIn(StrictSerializer):
    counter = UintField(least=1)
    blob = BytesField(least=OVERHEAD + 1, most=MAX_SETTINGS)


# Answers.


class SessionOut(Shape):
    state = serializers.ChoiceField(choices=("anonymous", "pending", "signed_in"))
    stage = serializers.ChoiceField(
        choices=("signup_code", "verify_email", "mfa_authenticate"), allow_null=True
    )
    csrf = TextField(most=64)
    account = IdField(allow_null=True)
    email = TextField(most=EMAIL, allow_null=True)
    deployment = IdField()


class SessionRowOut(Shape):
    id = UintField()
    current = serializers.BooleanField()
    address = TextField(most=45)
    browser = TextField(least=0, most=500)
    since = UintField()


class SessionsOut(Shape):
    sessions = SessionRowOut(many=True)


class SignupStarted(Shape):
    handle = BytesField(16)
    account = IdField()
    cred = BytesField(16)
    response = BytesField(64)


class PasswordStarted(Shape):
    handle = BytesField(16)
    cred = BytesField(16)
    response = BytesField(64)


class LoginStarted(Shape):
    handle = BytesField(16)
    ke2 = BytesField(320)


class SignupPending(Shape):
    state = ConstField("pending")
    stage = ConstField("signup_code")
    csrf = TextField(most=64)


class BlobOut(Shape):
    counter = UintField()
    blob = BytesField(least=OVERHEAD + 1, most=MAX_PINS, allow_null=True)


class WrapOut(Shape):
    id = BytesField(16)
    wrap = serializers.ChoiceField(choices=("auk", "kit"))
    cred = BytesField(16)
    blob = BytesField(OVERHEAD + 32)


class BundleOut(Shape):
    account = IdField()
    email = TextField(most=EMAIL)
    cred = BytesField(16)
    suite = ConstField(1)
    wrap = WrapOut()
    keyring = BlobOut(allow_null=True)
    pins = BlobOut(allow_null=True)
    settings = BlobOut(allow_null=True)
    kit_saved = serializers.BooleanField()
    deployment = IdField()


class Unlocked(Shape):
    bundle = BundleOut()


class SignedIn(Shape):
    """With `state` signed_in the bundle; with pending the stage that asks for more."""

    state = serializers.ChoiceField(choices=("pending", "signed_in"))
    stage = serializers.ChoiceField(choices=("verify_email", "mfa_authenticate"), required=False)
    csrf = TextField(most=64)
    bundle = BundleOut(required=False)


class CounterOut(Shape):
    counter = UintField()


class CsrfOut(Shape):
    csrf = TextField(most=64)
