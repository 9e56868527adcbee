"""Shapes of what the browser sends about accounts. Sizes are bytes (SPEC 2, design 5)."""

from rest_framework import serializers

from accounts.wire import BytesField, ConstField, StrictSerializer, TextField, UintField

MAX_KEYRING = 1024  # bytes
MAX_PINS = 512 * 1024
MAX_SETTINGS = 64 * 1024
OVERHEAD = 81  # of a seal

EMAIL = 254  # characters


class CodeField(TextField):
    """Six digits."""

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
