"""What a secret of 1 kB takes in the database, indexes and log included."""

from collections.abc import Iterator

import psycopg

from accounts.ids import uuid7
from config.embedded import DATABASE, OWNER
from tests.bench.people import BenchWorld
from tests.product import Product
from tests.world import blob

ONE_BY_ONE = 2_000  # writes
IMPORTED = 10_000  # items
BATCH = 500  # entries of a link
DETAILS = 1_088  # bytes: a secret of 1 kB with its labels, padded (SPEC 6.1)


def table_bytes(product: Product) -> dict[str, int]:
    """Return the size of each app's tables with their indexes, in bytes, freshly vacuumed."""
    where = {"host": str(product.folder / "run"), "user": OWNER, "dbname": DATABASE}
    with psycopg.connect(**where, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute("VACUUM")
        rows = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    sizes: dict[str, int] = {}
    for name, size in rows:
        app = name.split("_")[0]
        sizes[app] = sizes.get(app, 0) + size
    return sizes


def growth(before: dict[str, int], after: dict[str, int], *apps: str) -> int:
    """Return by how many bytes the tables of these apps grew."""
    return sum(after[app] - before[app] for app in apps)


def storage(product: Product, _seconds: float) -> Iterator[tuple[str, float]]:
    """Items written one by one, and in links of 500."""
    world = BenchWorld(product)
    vault = world.vault_create(world.founder)
    world.write(world.founder, vault, {uuid7().bytes: 1}, blobs=[blob(details=DETAILS)])
    ours = ("vaults", "accounts", "sharing")

    before = table_bytes(product)
    for _ in range(ONE_BY_ONE):
        world.write(world.founder, vault, {uuid7().bytes: 1}, blobs=[blob(details=DETAILS)])
    after = table_bytes(product)
    yield "storage.bytes_per_1kB", growth(before, after, *ours) / ONE_BY_ONE
    yield "storage.audit_bytes_per_write", growth(before, after, "audit") / ONE_BY_ONE

    for _ in range(IMPORTED // BATCH):
        new = {uuid7().bytes: 1 for _ in range(BATCH)}
        world.write(world.founder, vault, new, blobs=[blob(details=DETAILS) for _ in new])
    imported = growth(after, table_bytes(product), *ours)
    yield "storage.imported.bytes_per_1kB", imported / IMPORTED
