"""Teams' beginnings, item changes, grants and holds: prove, parse, call, render."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.endpoint import Endpoint
from accounts.errors import AccessDenied, Invalid
from accounts.models import User
from accounts.schema import problems
from accounts.services.team import OpeningText, link_parse
from accounts.wire import MAX_INT, parse
from vaults import serializers as shapes
from vaults.access import VaultAccess, require_member_and_kek, require_vault
from vaults.crypto.keys import team_id as derive_team_id
from vaults.models import Right
from vaults.selectors import ItemRevision, item_revisions
from vaults.services.changes import Written, change_apply
from vaults.services.details import details_serve
from vaults.services.grants import GrantReport, grants_parse, grants_report, grants_store
from vaults.services.judging import Blob, Change
from vaults.services.olds import OldIn, olds_store
from vaults.services.rotations import RotationIn, rotation_apply
from vaults.services.teams import team_create
from vaults.services.vaults import vaults_hold

KIB: Final = 1024  # bytes
MIB: Final = 1024 * KIB
CHAIN_ERRORS: Final = ("not_found", "refused", "head_moved", "kms_unavailable")


class TeamsView(Endpoint):
    """Making a team."""

    @extend_schema(
        request=shapes.TeamIn,
        responses={
            201: shapes.TeamOut,
            200: shapes.TeamOut,
            **problems("refused", "personal_exists", "taken", "too_many", "kms_unavailable"),
        },
    )
    def post(self, request: Request) -> Response:
        """Make a team from its genesis link. The same bytes again: 200."""
        body = parse(shapes.TeamIn, request)
        link = link_parse(body["link"], "team")
        done = team_create(
            user=account_of(request), link=link, openings=openings_in(body["openings"])
        )
        team = derive_team_id(link.link)
        answer = {"team": team, "seq": done.seq, "hash": done.hash}
        return Response(answer, status=200 if done.again else 201)


class ChangesView(Endpoint):
    """Writing items of one vault, and rotating its key."""

    max_body_bytes: ClassVar = 4 * MIB

    @extend_schema(
        request=shapes.ChangesIn,
        responses={
            201: shapes.ChangesOut,
            200: shapes.ChangesOut,
            **problems(
                *CHAIN_ERRORS,
                *("held", "stale_seen", "rotation_due", "taken", "kek_moved", "too_many"),
            ),
        },
    )
    def post(self, request: Request, team_id: UUID, vault_id: UUID) -> Response:
        """Append a vault link with its blobs, a rotation, or both in one transaction."""
        access = require_vault(
            user=request.user, team_id=team_id, vault_id=vault_id, at_least=Right.WRITE
        )
        body = parse(shapes.ChangesIn, request)
        done = _apply(access, change_in(body), body["rotation"])
        answer = {
            "seq": done.seq,
            "hash": done.hash,
            "team_seq": done.team_seq,
            "team_hash": done.team_hash,
        }
        return Response(answer, status=200 if done.again else 201)


class GrantsView(Endpoint):
    """Handing DEKs to holders."""

    # 1,000 grants of 330 bytes with their signatures, in JSON.
    max_body_bytes: ClassVar = 576 * KIB

    @extend_schema(
        request=shapes.GrantsIn,
        responses={
            200: shapes.StoredOut,
            **problems("not_found", "refused", "stale_seen", "kek_moved", "kms_unavailable"),
        },
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Store grants that the caller signed as a manager, or as their epoch's rotator."""
        access, kek_row = require_member_and_kek(user=request.user, team_id=team_id)
        body = parse(shapes.GrantsIn, request)
        pairs = grant_pairs(body["grants"])
        stored = grants_store(access=access, kek_row=kek_row, pairs=pairs)
        return Response({"stored": stored})


class ReportsView(Endpoint):
    """What became of grants in their recipients' clients."""

    # 2,000 of at most 120 bytes in JSON.
    max_body_bytes: ClassVar = 256 * KIB

    @extend_schema(
        request=shapes.ReportsIn, responses={204: None, **problems("not_found", "kms_unavailable")}
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Report which grants to the caller opened, and which did not."""
        access, _kek_row = require_member_and_kek(user=request.user, team_id=team_id)
        body = parse(shapes.ReportsIn, request)
        grants_report(
            access=access, opened=_reports(body["opened"]), broken=_reports(body["broken"])
        )
        return Response(status=204)


class OldsView(Endpoint):
    """Former DEKs under later ones."""

    # 1,000 of at most 200 bytes in JSON.
    max_body_bytes: ClassVar = 256 * KIB

    @extend_schema(
        request=shapes.OldsIn,
        responses={200: shapes.StoredOut, **problems("not_found", "kek_moved", "kms_unavailable")},
    )
    def post(self, request: Request, team_id: UUID, vault_id: UUID) -> Response:
        """Store former DEKs; whoever holds a right in the vault may."""
        access = require_vault(user=request.user, team_id=team_id, vault_id=vault_id)
        body = parse(shapes.OldsIn, request)
        return Response({"stored": olds_store(access=access, olds=olds_in(body["olds"]))})


class HoldView(Endpoint):
    """Ten seconds without writes."""

    @extend_schema(
        request=shapes.HoldIn,
        responses={200: shapes.HoldOut, **problems("not_found", "too_many", "kms_unavailable")},
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Hold vaults for 10 s, so that a link that cuts them can be signed."""
        access, _kek_row = require_member_and_kek(user=request.user, team_id=team_id)
        body = parse(shapes.HoldIn, request)
        return Response({"until": vaults_hold(access=access, vaults=body["vaults"])})


class ItemView(Endpoint):
    """One revision of an item, details included."""

    @extend_schema(
        parameters=[
            OpenApiParameter("revision", int, description="The newest, if it is not given.")
        ],
        responses={
            200: shapes.ItemOut,
            **problems("invalid", "not_found", "kms_unavailable", safe=True),
        },
    )
    def get(self, request: Request, team_id: UUID, vault_id: UUID, item_id: UUID) -> Response:
        """Serve the details of an item; the audit notes it before the bytes go out."""
        access = require_vault(user=request.user, team_id=team_id, vault_id=vault_id)
        revision = _revision_of(request)
        found = details_serve(access=access, item_id=item_id, revision=revision)
        answer = {"item": item_id, "vault": vault_id, **_fields(found), "details": found.details}
        return Response(answer)


class RevisionsView(Endpoint):
    """The history of an item."""

    @extend_schema(
        responses={200: shapes.RevisionsOut, **problems("not_found", "kms_unavailable", safe=True)}
    )
    def get(self, request: Request, team_id: UUID, vault_id: UUID, item_id: UUID) -> Response:
        """List all revisions of an item, without details."""
        access = require_vault(user=request.user, team_id=team_id, vault_id=vault_id)
        found = item_revisions(access=access, item_id=item_id)
        return Response({"revisions": [_fields(revision) for revision in found]})


def account_of(request: Request) -> User:
    """Return who asks, where the route needs an account and no team.

    Raises:
        AccessDenied: nobody is signed in; the route's permission has said so before.
    """
    if not isinstance(request.user, User):
        raise AccessDenied
    return request.user


def openings_in(openings: list[dict[str, Any]]) -> list[OpeningText]:
    """Take openings from a body."""
    return [OpeningText(entry["kind"], entry["salt"], entry["text"]) for entry in openings]


def grant_pairs(grants: list[dict[str, Any]]) -> list[tuple[bytes, bytes]]:
    """Take grants and signatures from a body."""
    return [(entry["grant"], entry["sig"]) for entry in grants]


def change_in(body: Mapping[str, Any]) -> Change | None:
    """Take a vault link and its blobs from a body; None if it has no link.

    Raises:
        Invalid: blobs without a link. LinkRefused: the link's form.
    """
    if body["link"] is None:
        if body["blobs"]:
            raise Invalid("Blobs come with the link that names them.")
        return None
    return linked_change_in(body)


def linked_change_in(body: Mapping[str, Any]) -> Change:
    """Take a vault link and its blobs from a body that has one. Raises: LinkRefused."""
    blobs = [Blob(blob["overview"], blob["details"], blob["c_details"]) for blob in body["blobs"]]
    return Change(link_parse(body["link"], "vault"), blobs)


def _apply(access: VaultAccess, change: Change | None, rotation: dict[str, Any] | None) -> Written:
    if rotation is not None:
        brought = RotationIn(
            link=link_parse(rotation["link"], "team"),
            grants=grants_parse(grant_pairs(rotation["grants"])),
            olds=olds_in(rotation["olds"]),
        )
        return rotation_apply(access=access, rotation=brought, change=change)
    if change is None:
        raise Invalid("A link, a rotation, or both.")
    return change_apply(access=access, change=change)


def olds_in(olds: list[dict[str, Any]]) -> list[OldIn]:
    """Take former DEKs from a body."""
    return [OldIn(entry["from"], entry["to"], entry["blob"]) for entry in olds]


def _reports(reports: list[dict[str, Any]]) -> list[GrantReport]:
    return [GrantReport(entry["vault"], entry["epoch"], entry["from"]) for entry in reports]


def _revision_of(request: Request) -> int | None:
    text = request.query_params.get("revision")
    if text is None:
        return None
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_INT))
    if not (digits and 1 <= int(text) <= MAX_INT):
        raise Invalid("A revision is a number from 1.")
    return int(text)


def _fields(found: ItemRevision) -> dict[str, Any]:
    return {
        "revision": found.revision,
        "epoch": found.epoch,
        "author": found.author,
        "overview": found.overview,
        "c_details": found.c_details,
    }
