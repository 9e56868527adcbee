"""Shapes of bodies and answers of the sharing routes and of the sync."""

from typing import Any

from rest_framework import serializers

from accounts.wire import BytesField, IdField, StrictSerializer, TextField, UintField
from vaults.crypto.links import MAX_ACCEPT, MAX_ENTRIES, MAX_SIGNED
from vaults.serializers import (
    MAX_GRANTS,
    MAX_OLDS,
    MAX_TEXT,
    BlobIn,
    GrantIn,
    OldIn,
    OpeningIn,
    many,
)

MAX_CHAINS = 10_000  # in a cursor

Shape = serializers.Serializer[Any]


class FirstChangeIn(StrictSerializer):
    link = BytesField(least=1, most=MAX_SIGNED)
    blobs = many(BlobIn(), 1000)


class LinkIn(StrictSerializer):
    link = BytesField(least=1, most=MAX_SIGNED)
    openings = many(OpeningIn(), 2)
    grants = many(GrantIn(), 1)
    change = FirstChangeIn(allow_null=True)


class LinkOut(Shape):
    seq = UintField()
    hash = BytesField(32)


class RestoreIn(StrictSerializer):
    vault = IdField(allow_null=True)
    link = BytesField(least=1, most=MAX_SIGNED)
    openings = many(OpeningIn(), 2)
    grants = many(GrantIn(), MAX_GRANTS)
    olds = many(OldIn(), MAX_OLDS)
    blobs = many(BlobIn(), MAX_ENTRIES)


class InviteFindIn(StrictSerializer):
    invite = BytesField(32)


class InviteFindOut(Shape):
    team = IdField()
    invite = BytesField(16)


class InviteOpenIn(StrictSerializer):
    invite = BytesField(32)
    proof = BytesField(64)


class OpeningOut(Shape):
    kind = serializers.ChoiceField(["name", "email", "team"])
    member = BytesField(16, allow_null=True)
    salt = BytesField(32)
    text = TextField(most=MAX_TEXT)


class InviteOpenOut(Shape):
    team = IdField()
    links = serializers.ListField(child=BytesField(least=1, most=MAX_SIGNED))
    openings = OpeningOut(many=True)
    state = serializers.ChoiceField(["open", "waiting", "joined"])


class NameIn(StrictSerializer):
    kind = serializers.ChoiceField(["name"])
    salt = BytesField(32)
    text = TextField(most=MAX_TEXT)


class InviteAcceptIn(StrictSerializer):
    invite = BytesField(32)
    accept = BytesField(least=1, most=MAX_ACCEPT)
    by_invite = BytesField(64)
    by_identity = BytesField(64)
    opening = NameIn()


class InviteAcceptOut(Shape):
    state = serializers.ChoiceField(["waiting", "joined"])


class TeamSeenIn(StrictSerializer):
    team = IdField()
    seq = UintField()
    stir = UintField(required=False)


class VaultSeenIn(StrictSerializer):
    vault = IdField()
    seq = UintField()


class CursorIn(StrictSerializer):
    teams = many(TeamSeenIn(), MAX_CHAINS)
    vaults = many(VaultSeenIn(), MAX_CHAINS)


class SyncIn(StrictSerializer):
    cursor = CursorIn()
    parts = serializers.ListField(
        child=serializers.ChoiceField(["teams", "items", "links"]), min_length=1, max_length=3
    )
