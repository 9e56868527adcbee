"""Shapes of bodies and answers of the vault routes. No queries, no rights."""

from typing import Any

from rest_framework import serializers

from accounts.wire import BytesField, IdField, StrictSerializer, TextField, UintField
from vaults.crypto.grants import MAX_STORED, SIGNATURE_SIZE
from vaults.crypto.links import MAX_CUTS, MAX_ENTRIES, MAX_SIGNED
from vaults.crypto.parts import MAX_SEALED
from vaults.crypto.seal import OVERHEAD

MAX_TEXT = 1_000  # characters
MAX_GRANTS = 1_000  # in one request
MAX_OLDS = 1_000
MAX_REPORTS = 1_000
OLD_SIZE = OVERHEAD + 32  # bytes: a DEK under another
MAX_EPOCH = 2**31 - 1  # what a column holds; no vault comes near

Shape = serializers.Serializer[Any]


def many(child: StrictSerializer, most: int) -> serializers.ListSerializer[Any]:
    """A list of at most `most` of these."""
    return serializers.ListSerializer(child=child, max_length=most)


class OpeningIn(StrictSerializer):
    kind = serializers.ChoiceField(["name", "email", "team"])
    salt = BytesField(32)
    text = TextField(most=MAX_TEXT)


class GrantIn(StrictSerializer):
    grant = BytesField(least=1, most=MAX_STORED)
    sig = BytesField(SIGNATURE_SIZE)


class BlobIn(StrictSerializer):
    overview = BytesField(least=OVERHEAD, most=MAX_SEALED["overview"])
    details = BytesField(least=OVERHEAD, most=MAX_SEALED["details"])
    c_details = BytesField(32)


class OldIn(StrictSerializer):
    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it cannot be an attribute."""
        return {
            "from": UintField(least=1, most=MAX_EPOCH),
            "to": UintField(least=2, most=MAX_EPOCH),
            "blob": BytesField(OLD_SIZE),
        }


class RotationIn(StrictSerializer):
    link = BytesField(least=1, most=MAX_SIGNED)
    grants = many(GrantIn(), MAX_GRANTS)
    olds = many(OldIn(), MAX_OLDS)


class TeamIn(StrictSerializer):
    link = BytesField(least=1, most=MAX_SIGNED)
    openings = many(OpeningIn(), 3)


class TeamOut(Shape):
    team = IdField()
    seq = UintField()
    hash = BytesField(32)


class ChangesIn(StrictSerializer):
    link = BytesField(least=1, most=MAX_SIGNED, allow_null=True)
    blobs = many(BlobIn(), MAX_ENTRIES)
    rotation = RotationIn(allow_null=True)


class ChangesOut(Shape):
    seq = UintField()
    hash = BytesField(32)
    team_seq = UintField()
    team_hash = BytesField(32)


class GrantsIn(StrictSerializer):
    grants = many(GrantIn(), MAX_GRANTS)


class OldsIn(StrictSerializer):
    olds = many(OldIn(), MAX_OLDS)


class StoredOut(Shape):
    stored = UintField()


class ReportIn(StrictSerializer):
    def get_fields(self) -> dict[str, Any]:
        return {
            "vault": IdField(),
            "epoch": UintField(least=1, most=MAX_EPOCH),
            "from": BytesField(32),
        }


class ReportsIn(StrictSerializer):
    opened = many(ReportIn(), MAX_REPORTS)
    broken = many(ReportIn(), MAX_REPORTS)


class HoldIn(StrictSerializer):
    vaults = serializers.ListField(child=IdField(), min_length=1, max_length=MAX_CUTS)


class HoldOut(Shape):
    until = UintField()


class ItemOut(Shape):
    item = IdField()
    vault = IdField()
    revision = UintField()
    epoch = UintField()
    author = BytesField(16)
    overview = BytesField(least=OVERHEAD, most=MAX_SEALED["overview"])
    details = BytesField(least=OVERHEAD, most=MAX_SEALED["details"])
    c_details = BytesField(32)


class RevisionOut(Shape):
    revision = UintField()
    epoch = UintField()
    author = BytesField(16)
    overview = BytesField(least=OVERHEAD, most=MAX_SEALED["overview"])
    c_details = BytesField(32)


class RevisionsOut(Shape):
    revisions = RevisionOut(many=True)
