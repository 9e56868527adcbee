"""Whoever holds everything the server holds: the database, the KEKs, the files; and a kit.

It opens what can be opened, by the formats of SPEC.md, and returns what that yields.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from config.embedded import DATABASE, OWNER
from tests.e2e.person import Person
from tests.kms.journal import KeptJournal
from tests.product import Product
from vaults.crypto import cbor
from vaults.crypto.errors import DecryptionError, Refused
from vaults.crypto.grants import open_grant, parse_grant
from vaults.crypto.keys import Amk, Dek, Kek, derive_kit_key
from vaults.crypto.links import ZERO16
from vaults.crypto.parts import open_part, unpad
from vaults.crypto.seal import AMK_WRAP, KEYRING, OLD_DEK, open_outer, open_sealed
from vaults.kms.cache import kek_context
from vaults.kms.local import LocalKms


def forms(secret: bytes) -> list[bytes]:
    """Return a secret as bytes, as hex, and as Base64 at each of the three alignments."""
    shifted = [base64.b64encode(b"\0" * n + secret).rstrip(b"=")[4:-2] for n in range(3)]
    urlsafe = [text.translate(bytes.maketrans(b"+/", b"-_")) for text in shifted]
    return [secret, secret.hex().encode(), *shifted, *urlsafe]


@dataclass(frozen=True, slots=True)
class Opened:
    """A text that was opened, and where it lay."""

    item: UUID
    revision: int
    epoch: int
    part: str
    text: bytes


class Thief:
    """Every row of a product's database, and its KMS."""

    def __init__(self, product: Product) -> None:
        where: dict[str, Any] = {"host": str(product.folder / "run"), "user": OWNER}
        self.database = psycopg.connect(**where, dbname=DATABASE, row_factory=dict_row)
        self.kms = LocalKms(product.folder / "local-kms.key", KeptJournal())

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return self.database.execute(query, values).fetchall()

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        found = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return sorted(row["tablename"] for row in found)

    def dump(self, table: str) -> bytes:
        """Return a table as COPY writes it; columns of bytes are hex there."""
        with self.database.cursor().copy(f'COPY public."{table}" TO STDOUT') as copy:
            return b"".join(bytes(block) for block in copy)

    def outer(self, kind: str, row: bytes, team: UUID | None, version: int, blob: bytes) -> bytes:
        """Open the server's seal, as the server could."""
        (kek,) = self.rows(
            "SELECT * FROM accounts_kek WHERE team_id IS NOT DISTINCT FROM %s AND version = %s",
            *(team, version),
        )
        context = kek_context(deployment=kek["deployment_id"], team=team, kek=kek["id"])
        key = self.kms.decrypt(
            key_id=kek["master_key_id"], blob=bytes(kek["blob"]), context=context
        )
        opened = open_outer(
            Kek(key.plaintext),
            deployment=kek["deployment_id"].bytes,
            kek_version=version,
            kind=kind,
            row=row,
            team=None if team is None else team.bytes,
            sealed=bytes(blob),
        )
        return bytes(opened)

    def keyring(self, person: Person) -> dict[str, Any]:
        """Return a person's secret keys, by their recovery kit."""
        (user,) = self.rows("SELECT id FROM accounts_user WHERE email = %s", person.email)
        account: UUID = user["id"]
        (wrap,) = self.rows(
            "SELECT * FROM accounts_amkwrap WHERE account_id = %s AND wrap = 'kit'", account
        )
        sealed = self.outer("amk", wrap["id"].bytes, None, wrap["kek_version"], wrap["blob"])
        code = base64.b32decode(person.kit.replace("-", "") + "====")
        context = {"account": account.bytes, "id": wrap["id"].bytes, "wrap": "kit"}
        with derive_kit_key(code=code, account=account.bytes) as kit:
            amk = Amk(open_sealed(kit, AMK_WRAP, {**context, "cred": ZERO16}, sealed))
        (blob,) = self.rows(
            "SELECT * FROM accounts_accountblob WHERE account_id = %s AND kind = 'keyring'", account
        )
        place = {"account": account.bytes, "counter": blob["counter"]}
        opened = cbor.loads(bytes(open_sealed(amk, KEYRING, place, bytes(blob["blob"]))))
        assert isinstance(opened, dict), opened
        return opened

    def deks(self, box_secret: bytes) -> dict[tuple[UUID, int], Dek]:
        """Return every DEK that somebody's box key leads to: by grants, then by former DEKs."""
        found: dict[tuple[UUID, int], Dek] = {}
        for row in self.rows("SELECT * FROM vaults_grant"):
            place = (bytes(row["row_hash"]), row["team_id"], row["kek_version"])
            grant = parse_grant(self.outer("grant", *place, row["blob"]))
            try:
                found[row["vault_id"], row["epoch"]] = open_grant(grant, box_secret)
            except Refused:
                continue
        former = self.rows("SELECT * FROM vaults_olddek ORDER BY to_epoch DESC")
        for row in former:
            later = found.get((row["vault_id"], row["to_epoch"]))
            if later is not None:
                context = {
                    "from": row["from_epoch"],
                    "team": row["team_id"].bytes,
                    "to": row["to_epoch"],
                    "vault": row["vault_id"].bytes,
                }
                dek = open_sealed(later, OLD_DEK, context, bytes(row["blob"]))
                found.setdefault((row["vault_id"], row["from_epoch"]), Dek(dek))
        return found

    def parts(self) -> Iterator[dict[str, Any]]:
        """Yield every sealed part in the database, with its place."""
        columns = "i.id AS item, v.id AS vault, v.team_id AS team, {0}.revision, {0}.epoch,"
        columns += " {0}.author, {0}.overview, {0}.details"
        items = "FROM vaults_item i JOIN vaults_vault v ON v.number = i.vault_number"
        yield from self.rows(
            f"SELECT {columns.format('i')} {items} WHERE i.details IS NOT NULL UNION ALL"
            f" SELECT {columns.format('r')} {items} JOIN vaults_revision r ON r.item_id = i.id"
        )

    def open_all(self, deks: dict[tuple[UUID, int], Dek]) -> list[Opened]:
        """Try every DEK of a vault on every part in it: the row's epoch proves nothing."""
        found = []
        for row in self.parts():
            for (vault, epoch), dek in deks.items():
                for part in ("overview", "details"):
                    if vault == row["vault"]:
                        found += self._try(dek, epoch, part, row)
        return found

    def _try(self, dek: Dek, epoch: int, part: str, row: dict[str, Any]) -> list[Opened]:
        try:
            padded = open_part(
                dek,
                team=row["team"].bytes,
                vault=row["vault"].bytes,
                item=row["item"].bytes,
                revision=row["revision"],
                author=bytes(row["author"]),
                epoch=epoch,
                part=part,  # type: ignore[arg-type]
                sealed=bytes(row[part]),
            )
        except DecryptionError:
            return []
        return [Opened(row["item"], row["revision"], row["epoch"], part, unpad(padded))]
