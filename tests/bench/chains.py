"""Long chains in Chromium: a team of 10,000 links with 30,000 changes, 10,000 items one by one.

The links are signed and the items sealed by the client's own code (`static/tests/chains.seed.ts`);
here they become rows, as the services would have written them one by one.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from config.embedded import BASE_DIR, DATABASE, OWNER
from tests.bench.browser import Visit
from tests.browser import launch
from tests.product import Product
from vaults.crypto import cbor

TEAM_LINKS = 10_000
CHANGES = (1_000, 30)  # items, and revisions of each: one link for each
ONE_BY_ONE = (10_000, 1)
SEED_SECONDS = 600
_numbers = count(1)

Figures = Iterator[tuple[str, float]]


def chains(product: Product, _seconds: float) -> Figures:
    """From the first sign-in of a browser until every link is verified, and at the next visits."""
    items, revisions = CHANGES
    made = seed(product, TEAM_LINKS, items, revisions)
    with launch() as browser:
        visit = Visit(product, browser, made["email"], made["password"], items)
        visit.sign_in()
        verified = visit.opened()["verified"]
        yield "chain.first_s", verified
        yield "chain.first.link_ms", verified * 1000 / (TEAM_LINKS + items * revisions)
        yield "chain.longest_task_ms", visit.longest_task()
        visit.reload_and_unlock()
        yield "chain.pinned_ms", visit.marked("coffret.pinned") - visit.marked("coffret.unsealing")


def one_by_one(product: Product, _seconds: float) -> Figures:
    """A vault of 10,000 items, each written by a link of its own."""
    items, revisions = ONE_BY_ONE
    made = seed(product, 0, items, revisions)
    with launch() as browser:
        visit = Visit(product, browser, made["email"], made["password"], items)
        visit.sign_in()
        opened = visit.opened()
        yield "vault10k.links.open_s", opened["whole"]
        yield "vault10k.links.verify_s", opened["verified"]
        yield "vault10k.links.longest_task_ms", visit.longest_task()
        visit.open_items()
        yield "client.memory_mb", visit.memory_mb()


def seed(product: Product, team: int, items: int, revisions: int) -> dict[str, Any]:
    """Sign somebody up and give them these chains; return their e-mail and password."""
    file = product.folder / f"chains-{next(_numbers)}.cbor"
    email = f"{file.stem}@example.org"
    shape = f"{team},{items},{revisions}"
    done = subprocess.run(
        ["node", "tests/seed.mjs", product.url, str(product.folder), email, shape, str(file)],
        cwd=BASE_DIR / "static",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=SEED_SECONDS,
    )
    _store(product, file)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def _store(product: Product, file: Path) -> None:
    """Put the chains behind the links that the server has taken already."""
    made: dict[str, Any] = cbor.loads(file.read_bytes())
    where = {"host": str(product.folder / "run"), "user": OWNER, "dbname": DATABASE}
    with psycopg.connect(**where) as connection:  # type: ignore[arg-type]
        _store_team(connection, made)
        _store_vault(connection, made)


def _store_team(connection: "psycopg.Connection[Any]", made: dict[str, Any]) -> None:
    team = UUID(bytes=made["team"])
    found = connection.execute("SELECT seq FROM accounts_team WHERE id = %s", [team]).fetchone()
    assert found is not None
    first = found[0] + 1
    rows = [
        (team, seq, hashlib.sha256(signed).digest(), kind, signed)
        for seq, (signed, kind) in enumerate(made["team_links"], first)
    ]
    names = "accounts_teamlink (team_id, seq, hash, type, signed)"
    with connection.cursor().copy(f"COPY {names} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    invites = [(row[2], team) for row in rows if row[3] == "invite"]
    connection.cursor().executemany(
        "INSERT INTO sharing_invite (hash, team_id) VALUES (%s, %s)", invites
    )
    if rows:
        connection.execute(
            "UPDATE accounts_team SET seq = %s, head = %s WHERE id = %s",
            [rows[-1][1], rows[-1][2], team],
        )


def _store_vault(connection: "psycopg.Connection[Any]", made: dict[str, Any]) -> None:
    vault = UUID(bytes=made["vault"])
    found = connection.execute(
        "UPDATE vaults_vault v SET seq = v.seq + %s, head = %s, seen_seq = t.seq"
        " FROM accounts_team t WHERE v.id = %s AND t.id = v.team_id"
        " RETURNING v.number, v.seq",
        [len(made["vault_links"]), made["vault_head"], vault],
    ).fetchone()
    assert found is not None
    number, last = found
    first = last - len(made["vault_links"]) + 1
    with connection.cursor().copy(
        "COPY vaults_vaultlink (vault_number, seq, signed) FROM STDIN"
    ) as copy:
        for seq, signed in enumerate(made["vault_links"], first):
            copy.write_row((number, seq, signed))
    names = (
        "vaults_item (id, vault_number, revision, epoch, link_seq, author,"
        " overview, details, c_details)"
    )
    with connection.cursor().copy(f"COPY {names} FROM STDIN") as copy:
        for item, revision, seq, *sealed in made["vault_items"]:
            copy.write_row((UUID(bytes=item), number, revision, 1, seq, made["author"], *sealed))
