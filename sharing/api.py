"""The door of team links, the invitee's routes, and the sync: prove, parse, call, render."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Final
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import TeamAccess
from accounts.endpoint import Endpoint
from accounts.errors import Invalid
from accounts.limits import Bucket, TooMany, origin_buckets, spend
from accounts.models import User
from accounts.schema import problems
from accounts.services.team import Appended, OpeningText, link_parse, profile_set
from accounts.wire import parse
from sharing import serializers as shapes
from sharing.selectors import waiting_by_team
from sharing.services.invites import invite_accept, invite_find, invite_open
from sharing.services.joining import invite_create, invite_revoke, member_add, member_take_out
from sharing.services.restoring import Companions, team_link_restore, vault_link_restore
from vaults.access import require_member_and_kek
from vaults.api import (
    KIB,
    MIB,
    account_of,
    change_in,
    grant_pairs,
    linked_change_in,
    olds_in,
    openings_in,
)
from vaults.crypto.links import ParsedLink
from vaults.services.changes import Written
from vaults.services.grants import grants_parse
from vaults.services.members import member_verify, role_set, vault_grant, vault_revoke
from vaults.services.vaults import vault_create
from vaults.sync import Cursor, one_state, sync_heads, sync_records, sync_view

Body = dict[str, Any]
Door = Callable[[TeamAccess, ParsedLink, Body], Appended]


def _alone(service: Callable[..., Appended]) -> Door:
    """For links that bring nothing with them."""

    def door(access: TeamAccess, link: ParsedLink, body: Body) -> Appended:
        if body["openings"] or body["grants"] or body["change"] is not None:
            raise Invalid("This link brings nothing with it.")
        return service(access=access, link=link)

    return door


def _with_openings(service: Callable[..., Appended]) -> Door:
    def door(access: TeamAccess, link: ParsedLink, body: Body) -> Appended:
        if body["grants"] or body["change"] is not None:
            raise Invalid("This link brings openings only.")
        return service(access=access, link=link, openings=openings_in(body["openings"]))

    return door


def _vault_create(access: TeamAccess, link: ParsedLink, body: Body) -> Appended:
    change = None if body["change"] is None else change_in(body["change"])
    if change is None or body["openings"]:
        raise Invalid("A new vault comes with its first link, and with no opening.")
    grants = grants_parse(grant_pairs(body["grants"]))
    return vault_create(access=access, link=link, grants=grants, change=change)


# Each type goes to the lowest app that owns every table it touches. `genesis` makes a team by
# POST teams, `vault_rotate` travels with the vault's changes.
DOORS: Final[dict[str, Door]] = {
    "set_profile": _with_openings(profile_set),
    "invite": _with_openings(invite_create),
    "invite_revoke": _alone(invite_revoke),
    "add_member": _alone(member_add),
    "verify": _alone(member_verify),
    "set_role": _alone(role_set),
    "remove_member": _alone(member_take_out),
    "vault_create": _vault_create,
    "vault_grant": _alone(vault_grant),
    "vault_revoke": _alone(vault_revoke),
}


class LinksView(Endpoint):
    """Appending to a team chain."""

    # The largest link there may be, in JSON. A new vault's first change is the item that names it.
    max_body_bytes: ClassVar = 512 * KIB

    @extend_schema(
        request=shapes.LinkIn,
        responses={
            201: shapes.LinkOut,
            200: shapes.LinkOut,
            **problems(
                *("not_found", "refused", "head_moved", "stale_seen", "taken"),
                *("kek_moved", "too_many", "too_many_held", "kms_unavailable"),
            ),
        },
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Append a link. Any present member may knock; the fold says who may do what."""
        access, _kek_row = require_member_and_kek(user=request.user, team_id=team_id)
        body = parse(shapes.LinkIn, request)
        link = link_parse(body["link"], "team")
        door = DOORS.get(link.type)
        if door is None:
            raise Invalid(f"A {link.type} does not come this way.")
        return _appended(door(access, link, body))


class RestoreView(Endpoint):
    """What a restored backup has lost, from members' browsers."""

    max_body_bytes: ClassVar = 4 * MIB

    @extend_schema(
        request=shapes.RestoreIn,
        responses={
            201: shapes.LinkOut,
            200: shapes.LinkOut,
            **problems(
                *("not_found", "refused", "head_moved", "held", "stale_seen", "rotation_due"),
                *("taken", "kek_moved", "too_many", "too_many_held", "kms_unavailable"),
            ),
        },
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Append the next link of the team's chain or of a vault's, whoever signed it."""
        access, _kek_row = require_member_and_kek(user=request.user, team_id=team_id)
        body = parse(shapes.RestoreIn, request)
        if body["vault"] is None:
            return _appended(_restore_team(access, body))
        return _appended(_restore_vault(access, body))


def _restore_team(access: TeamAccess, body: Body) -> Appended:
    if body["blobs"]:
        raise Invalid("A link of a team brings no blob.")
    companions = Companions(
        openings=openings_in(body["openings"]),
        grants=grants_parse(grant_pairs(body["grants"])),
        olds=olds_in(body["olds"]),
    )
    link = link_parse(body["link"], "team")
    return team_link_restore(access=access, link=link, companions=companions)


def _restore_vault(access: TeamAccess, body: Body) -> Written:
    if body["openings"] or body["grants"] or body["olds"]:
        raise Invalid("A link of a vault brings blobs only.")
    change = linked_change_in(body)
    return vault_link_restore(access=access, vault_id=body["vault"], change=change)


def _appended(done: Appended | Written) -> Response:
    answer = {"seq": done.seq, "hash": done.hash}
    return Response(answer, status=200 if done.again else 201)


class InviteFindView(Endpoint):
    """What the key of an invitation is made for, beside the secret in the link."""

    permission_classes = (AllowAny,)

    @extend_schema(
        request=shapes.InviteFindIn,
        responses={
            200: shapes.InviteFindOut,
            **problems("not_found", "too_many", "kms_unavailable", public=True),
        },
    )
    def post(self, request: Request) -> Response:
        """Say to which team an invitation belongs, and its id there: no more."""
        body = parse(shapes.InviteFindIn, request)
        origin = origin_buckets(request, "open", times=10)
        team, invite = invite_find(user=request.user, invite=body["invite"], origin=origin)
        return Response({"team": team, "invite": invite})


class InviteOpenView(Endpoint):
    """Following an invitation; people do so before they have an account."""

    permission_classes = (AllowAny,)

    @extend_schema(
        request=shapes.InviteOpenIn,
        responses={
            200: shapes.InviteOpenOut,
            **problems("not_found", "invite_closed", "too_many", "kms_unavailable", public=True),
        },
    )
    def post(self, request: Request) -> Response:
        """Serve the team's chain to whoever signs with the key of an open invitation."""
        body = parse(shapes.InviteOpenIn, request)
        origin = origin_buckets(request, "open", times=10)
        found = invite_open(
            user=request.user, invite=body["invite"], proof=body["proof"], origin=origin
        )
        openings = [
            {
                "kind": opening.kind,
                "member": None if opening.member_id is None else bytes(opening.member_id),
                "salt": bytes(opening.salt),
                "text": opening.text,
            }
            for opening in found.openings
        ]
        answer = {"team": found.team_id, "links": found.links, "state": found.state}
        return Response({**answer, "openings": openings})


class InviteAcceptView(Endpoint):
    """Accepting an invitation."""

    @extend_schema(
        request=shapes.InviteAcceptIn,
        responses={
            200: shapes.InviteAcceptOut,
            **problems(
                *("not_found", "refused", "invite_other_email", "invite_closed"),
                *("too_many", "kms_unavailable"),
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Leave a signed acceptance for the admins' clients; the latest one counts."""
        body = parse(shapes.InviteAcceptIn, request)
        opening = body["opening"]
        state = invite_accept(
            user=account_of(request),
            invite=body["invite"],
            accept=body["accept"],
            by_invite=body["by_invite"],
            by_identity=body["by_identity"],
            name=OpeningText(opening["kind"], opening["salt"], opening["text"]),
        )
        return Response({"state": state})


class CborSeqRenderer(BaseRenderer):
    """Named so that clients can ask for it; the view writes the bytes itself."""

    media_type = "application/cbor-seq"
    format = "cbor-seq"
    charset = None
    render_style = "binary"


# What one account may sync in a minute: far more than its browsers ask for, and about what keeps
# half a processor busy.
SYNC_UNITS: Final = 12_000
SYNC_UNIT: Final = 64 * 1024  # bytes; each request is one unit at least, also for a 304
SYNC_SECONDS: Final = 60


def _spend_sync(user: User, units: int) -> None:
    spend(Bucket("sync", str(user.pk), SYNC_UNITS), units=units, seconds=SYNC_SECONDS)


class SyncView(Endpoint):
    """What is new, for the whole account."""

    renderer_classes = (CborSeqRenderer,)
    # A cursor of 10,000 teams and 10,000 vaults, in CBOR.
    max_body_bytes: ClassVar = MIB

    @extend_schema(
        request=shapes.SyncIn,
        parameters=[OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)],
        responses={
            (200, "application/cbor-seq"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="Nothing is new; the body was not read."),
            **problems("too_many", "kms_unavailable"),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Serve the heads of all chains and what lies behind a cursor, or 304.

        The KEKs are asked for first. The answer is a CBOR sequence.
        """
        _spend_sync(account_of(request), 1)
        view = sync_view(account_of(request))
        heads, etag = sync_heads(view)
        if request.headers.get("If-None-Match") == etag:
            response = HttpResponse(status=304)
        else:
            body = parse(shapes.SyncIn, request)
            # The KEKs are here by now: nothing waits for the network while this lasts.
            with one_state():
                view = sync_view(account_of(request))
                heads, etag = sync_heads(view)
                cursor = _cursor(body["cursor"])
                records = sync_records(view, cursor, body["parts"], waiting_by_team)
                content = b"".join([heads, *records])
            if len(content) > SYNC_UNIT:
                # It is made by now, and served: what it cost keeps later ones waiting.
                with suppress(TooMany):
                    _spend_sync(account_of(request), len(content) // SYNC_UNIT)
            response = HttpResponse(content, content_type=CborSeqRenderer.media_type)
        response.headers["ETag"] = etag
        return response


def _cursor(seen: Body) -> Cursor:
    return Cursor(
        teams={entry["team"]: (entry["seq"], entry.get("stir")) for entry in seen["teams"]},
        vaults={entry["vault"]: entry["seq"] for entry in seen["vaults"]},
    )
