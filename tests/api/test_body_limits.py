"""How much each address reads: 64 KiB, or what its largest honest body needs, and no byte more."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import resolve

from accounts.wire import WireJsonRenderer
from config.limits import limit_of
from tests.architecture.test_sweep import methods_of, routes
from tests.world import World
from vaults.crypto import cbor
from vaults.crypto.links import MAX_CUTS, MAX_SIGNED
from vaults.serializers import MAX_GRANTS, MAX_OLDS, MAX_REPORTS, MAX_TEXT, OLD_SIZE

KIB = 1024
USUAL = 64 * KIB
LIMITS = {
    "account-pins": 700_074,
    "account-settings": 88_405,
    "changes": 4096 * KIB,
    "grants": 576 * KIB,
    "grant-reports": 256 * KIB,
    "links": 512 * KIB,
    "olds": 256 * KIB,
    "restore": 4096 * KIB,
    "sync": 1024 * KIB,
}
NUMBER = 2**31 - 1
ID, HASH, SALT = bytes([255]) * 16, bytes([255]) * 32, bytes([255]) * 32


def honest_bodies() -> dict[str, Any]:
    """For each address the largest body that its shape takes of somebody who means well."""
    world = World.begin()
    vault = world.vault_create(world.founder)
    pair = cbor.loads(world.team.grant(world.founder, vault, world.founder))
    report = {"vault": ID, "epoch": NUMBER, "from": HASH}
    opening = {"kind": "email", "salt": SALT, "text": "ß" * MAX_TEXT}
    first = world.change_body(world.founder, vault, {world.item(): 1})
    change = {"link": first["link"], "blobs": first["blobs"]}
    link = {"link": bytes(MAX_SIGNED), "openings": [opening] * 2, "grants": [pair]}
    team = {"team": ID, "seq": NUMBER, "stir": NUMBER}
    cursor = {"teams": [team] * 10_000, "vaults": [{"vault": ID, "seq": NUMBER}] * 10_000}
    return {
        "links": {**link, "change": change},
        "grants": {"grants": [pair] * MAX_GRANTS},
        "grant-reports": {"opened": [report] * MAX_REPORTS, "broken": [report] * MAX_REPORTS},
        "olds": {"olds": [{"from": NUMBER, "to": NUMBER, "blob": bytes(OLD_SIZE)}] * MAX_OLDS},
        "hold": {"vaults": [ID] * MAX_CUTS},
        "sync": {"cursor": cursor, "parts": ["teams", "items", "links"]},
    }


# People who write JSON by hand neither hold 2,000 vaults nor follow 20,000 chains.
CBOR_ONLY = {"hold", "sync"}


def test_no_address_reads_more_than_its_line_says() -> None:
    reading = {n: limit_of(v) for n, _a, v in routes() if {"post", "put"} & {*methods_of(v)}}
    assert len(reading) > 20
    assert {n: most for n, most in reading.items() if most != USUAL} == LIMITS


@pytest.mark.django_db
def test_the_largest_honest_body_fits_and_not_much_more() -> None:
    for name, body in honest_bodies().items():
        limit = LIMITS.get(name, USUAL)
        sizes = [len(cbor.dumps(body))]
        if name not in CBOR_ONLY:
            sizes.append(len(WireJsonRenderer().render(body)))
        assert limit / 2 < max(sizes) <= limit, (name, sizes)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted({*LIMITS, "hold"} - {"account-pins", "account-settings"}))
def test_one_byte_more_is_said_in_words(name: str) -> None:
    world = World.begin()
    vault = world.vault_create(world.founder)
    (path,) = [address for route, address, _view in routes() if route == name]
    path = f"/{path}".replace("<uuid:team_id>", str(world.id))
    path = path.replace("<uuid:vault_id>", str(UUID(bytes=vault)))
    limit = LIMITS.get(name, USUAL)
    assert limit_of(resolve(path).func) == limit

    client: Client = world.client(world.founder)
    for size, status, code in ((limit, 400, "invalid"), (limit + 1, 413, "too_large")):
        # Well-formed, and a field that nobody knows; its heads take 6 bytes or 8.
        body = cbor.dumps({"x": bytes(size - (8 if size > USUAL + KIB else 6))})
        assert len(body) == size
        answer = client.post(path, body, content_type="application/cbor")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["title"] == "The body is larger than this address takes."
