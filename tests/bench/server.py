"""What sign-ins, reads, writes, syncs and grants cost the server."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from accounts.ids import uuid7
from tests.bench.client import Client, FailedError
from tests.bench.meter import both, in_turn, run, server_cpu
from tests.bench.people import PASSWORD, BenchWorld, new_account
from tests.chains import Person
from tests.opaque_client import log_in
from tests.product import Product
from tests.world import blob, records
from vaults.crypto import cbor

CLIENTS = 32
LARGE, SMALL = 10_000, 10  # items of a vault
BATCH = 1_000  # entries of a link
JOINS = 30  # members added to each vault

Figures = Iterator[tuple[str, float]]


def logins(product: Product, seconds: float) -> Figures:
    """Whole sign-ins: both messages, the session, the bundle. Each person has one browser."""
    people = [new_account(product) for _ in range(CLIENTS)]

    def sign_in(email: str, client: Client) -> Callable[[], object]:
        def operation() -> object:
            done = log_in(client, email, PASSWORD)
            if done.finish is None:
                raise FailedError("the sign-in ended early")
            return done

        return operation

    operations = [sign_in(email, client) for _account, email, client in people]
    cpu_ms, per_second = both(product, operations, seconds=seconds)
    yield "login.server_cpu_ms", cpu_ms
    yield "login.ops_32", per_second


class Writer:
    """A person with a vault of their own, who writes one item after the other."""

    def __init__(self, world: BenchWorld, person: Person, vault: bytes) -> None:
        self.world, self.person, self.vault = world, person, vault
        self.client = world.load_client(person)
        self.base = f"teams/{world.id}/vaults/{UUID(bytes=vault)}"
        self.items: list[bytes] = []

    def write(self) -> None:
        """Write one new item of 1 kB."""
        item = uuid7().bytes
        body = self.world.change_body(
            self.person, self.vault, {item: 1}, blobs=[blob(details=1_088)]
        )
        answer = self.client("POST", f"{self.base}/changes", body)
        # The server verified it; verifying it again here would only slow the load down.
        self.world.team.append_change(self.vault, body["link"], verify=False)
        self.items.append(item)
        assert answer.body["seq"] == self.world.team.vaults[self.vault].state.seq

    def read(self) -> None:
        """Read the details of an item."""
        item = self.items[int.from_bytes(os.urandom(4), "big") % len(self.items)]
        self.client("GET", f"{self.base}/items/{UUID(bytes=item)}")


def writers(product: Product) -> list[Writer]:
    """Return 32 people of one team, each with a vault to write to."""
    world = BenchWorld(product)
    found = []
    for _ in range(CLIENTS):
        vault = world.vault_create(world.founder)
        found.append(Writer(world, world.join({vault: "write"}), vault))
    return found


def items(product: Product, seconds: float) -> Figures:
    """Writes and reads of one item of 1 kB, each in its own request."""
    load = writers(product)
    cpu_ms, per_second = both(product, [each.write for each in load], seconds=seconds)
    yield "item.write.server_cpu_ms", cpu_ms
    yield "item.write.ops_32", per_second
    cpu_ms, per_second = both(product, [each.read for each in load], seconds=seconds)
    yield "item.read.server_cpu_ms", cpu_ms
    yield "item.read.ops_32", per_second


def fill(world: BenchWorld, vault: bytes, count: int) -> None:
    """Put `count` items of 1 kB into a vault, up to 1,000 in a request."""
    for start in range(0, count, BATCH):
        new = {uuid7().bytes: 1 for _ in range(min(BATCH, count - start))}
        world.write(world.founder, vault, new, blobs=[blob(details=1_088) for _ in new])


def syncs(product: Product, seconds: float) -> Figures:
    """One changed item in a vault of 10,000, and everything in a new browser."""
    world = BenchWorld(product)
    vault = world.vault_create(world.founder)
    readers = [world.join({vault: "read"}) for _ in range(CLIENTS)]
    fill(world, vault, LARGE)
    world.write(world.founder, vault, {uuid7().bytes: 1})
    chain = world.team.vaults[vault].state

    def body_of(reader: Person) -> bytes:
        """Everything is known, the reader's own personal team too, but for the last change."""
        known = [
            {name: head[name] for name in ("team", "seq", "stir")}
            for head in records(world.poll(reader))[0][1]["teams"]
        ]
        cursor = {"teams": known, "vaults": [{"vault": vault, "seq": chain.seq - 1}]}
        return cbor.dumps({"cursor": cursor, "parts": ["teams", "items", "links"]})

    def poll(reader: Person) -> Callable[[], object]:
        client, body = world.load_client(reader), body_of(reader)

        def operation() -> object:
            answer = client.raw("POST", "sync", body, etag='"before the change"')
            if answer.status_code != 200 or not 1_000 < len(answer.content) < 10_000:
                raise FailedError(f"sync: {answer.status_code}, {len(answer.content)} bytes")
            return answer

        return operation

    operations = [poll(reader) for reader in readers]
    cpu_ms, per_second = both(product, operations, seconds=seconds)
    yield "sync.one_change.server_cpu_ms", cpu_ms
    yield "sync.one_change.ops_32", per_second
    yield "sync.first_10k.server_cpu_ms", first_sync(product, world, readers, seconds)


def first_sync(
    product: Product, world: BenchWorld, readers: Sequence[Person], seconds: float
) -> float:
    """Return the server's CPU ms of the three requests of a new browser."""
    empty: dict[str, list[Any]] = {"teams": [], "vaults": []}
    bodies = [
        cbor.dumps({"cursor": empty, "parts": [part]}) for part in ("teams", "items", "links")
    ]

    def fetch(client: Client) -> Callable[[], object]:
        def operation() -> object:
            sizes = [len(client.raw("POST", "sync", body).content) for body in bodies]
            if sizes[1] < LARGE * 400:
                raise FailedError(f"the first sync brought {sizes} bytes")
            return sizes

        return operation

    operations = [fetch(world.load_client(reader)) for reader in readers]
    return run(product, [in_turn(operations)], seconds=seconds).cpu_ms


def grants(product: Product, seconds: float) -> Figures:
    """A grant of a vault's key to a holder, sealed anew each time, so that each is stored."""
    world = BenchWorld(product)
    vaults = [world.vault_create(world.founder) for _ in range(CLIENTS)]
    managers = [world.join({vault: "manage"}) for vault in vaults]
    holder = world.join(dict.fromkeys(vaults, "read"))

    def give(manager: Person, vault: bytes) -> Callable[[], object]:
        client = world.load_client(manager)

        def operation() -> object:
            grant = cbor.loads(world.team.grant(manager, vault, holder))
            answer = client("POST", f"teams/{world.id}/grants", {"grants": [grant]})
            if answer.body["stored"] != 1:
                raise FailedError("the grant was not stored")
            return answer

        return operation

    operations = [give(*pair) for pair in zip(managers, vaults, strict=True)]
    cpu_ms, per_second = both(product, operations, seconds=seconds)
    yield "grant.server_cpu_ms", cpu_ms
    yield "grant.ops_32", per_second


def members(product: Product, _seconds: float) -> Figures:
    """Adding members to a vault of 10,000 items against one of 10, in turns."""
    worlds = []
    for count in (LARGE, SMALL):
        world = BenchWorld(product)
        vault = world.vault_create(world.founder)
        fill(world, vault, count)
        world.join({vault: "read"})
        worlds.append((world, vault))
    spent = [0.0, 0.0]
    for _ in range(JOINS):
        for number, (world, vault) in enumerate(worlds):
            invitation, person = world.invited({vault: "write"})
            before = server_cpu(product)
            world.add(invitation, person)
            stored = world.grant(world.founder, vault, person)
            spent[number] += server_cpu(product) - before
            assert stored.status_code == 200, stored.content
    yield "member.add.ratio", spent[0] / spent[1]
