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
from vaults.crypto.grants import ParsedGrant, open_grant, parse_grant
from vaults.crypto.keys import Amk, Auk, Dek, Kek, KitKey, derive_kit_key
from vaults.crypto.parts import open_part, unpad
from vaults.crypto.seal import AMK_WRAP, KEYRING, OLD_DEK, open_outer, open_sealed
from vaults.kms.cache import kek_context
from vaults.kms.local import LocalKms

# Every row under an outer seal, and its place. A sign-up that waits for its code has such rows too,
# which become these; of an address that is known already they are random bytes, and open nothing.
OUTER_SEALS = """
    SELECT 'grant' AS kind, row_hash AS row, team_id AS team, kek_version AS version, blob
      FROM vaults_grant
    UNION ALL SELECT 'amk', uuid_send(id), NULL, kek_version, blob FROM accounts_amkwrap
    UNION ALL SELECT 'opaque', uuid_send(account_id), NULL, kek_version, blob
      FROM accounts_opaquerecord
    UNION ALL SELECT 'opaque', uuid_send(id), NULL, kek_version, decoy FROM accounts_deployment
    UNION ALL SELECT 'server', uuid_send(id), NULL, kek_version, opaque_keys
      FROM accounts_deployment
"""


def forms(secret: bytes) -> list[bytes]:
    """Return a secret as bytes, as hex, and as Base64 at each of the three alignments."""
    shifted = [base64.b64encode(b"\0" * n + secret).rstrip(b"=")[4:-2] for n in range(3)]
    urlsafe = [text.translate(bytes.maketrans(b"+/", b"-_")) for text in shifted]
    return [secret, secret.hex().encode(), *shifted, *urlsafe]


def kit_code(person: Person) -> bytes:
    """Return the 32 bytes of the recovery code that a person noted."""
    return base64.b32decode(person.kit.replace("-", "") + "====")


def open_wrap(key: Auk | KitKey, account: UUID, wrap: dict[str, Any]) -> bytes:
    """Open one of `Thief.wraps` as if it were this account's.

    Raises:
        DecryptionError: another key or account than the one it was made for.
    """
    place = {"account": account.bytes, "cred": bytes(wrap["cred"]), "id": wrap["id"].bytes}
    return bytes(open_sealed(key, AMK_WRAP, {**place, "wrap": wrap["wrap"]}, wrap["blob"]))


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

    def keks(self) -> dict[tuple[UUID | None, int], bytes]:
        """Have KMS open every KEK; None stands for the deployment's own."""
        return {(row["team_id"], row["version"]): self._unwrap(row) for row in self._keks()}

    def _keks(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM accounts_kek")

    def _unwrap(self, kek: dict[str, Any]) -> bytes:
        place = {"deployment": kek["deployment_id"], "team": kek["team_id"], "kek": kek["id"]}
        key = self.kms.decrypt(
            key_id=kek["master_key_id"], blob=bytes(kek["blob"]), context=kek_context(**place)
        )
        return bytes(key.plaintext)

    def seal_of(
        self, kind: str, row: bytes, team: UUID | None, version: int
    ) -> tuple[Kek, dict[str, Any]]:
        """Return what makes and opens the server's seal of a row: the KEK, and the place."""
        (kek,) = [
            each for each in self._keks() if (each["team_id"], each["version"]) == (team, version)
        ]
        place = {
            "deployment": kek["deployment_id"].bytes,
            "kek_version": version,
            "kind": kind,
            "row": bytes(row),
            "team": None if team is None else team.bytes,
        }
        return Kek(self._unwrap(kek)), place

    def outer(self, kind: str, row: bytes, team: UUID | None, version: int, blob: bytes) -> bytes:
        """Open the server's seal, as the server could."""
        kek, place = self.seal_of(kind, row, team, version)
        return bytes(open_outer(kek, **place, sealed=bytes(blob)))

    def under_the_seals(self) -> dict[str, list[bytes]]:
        """Open every outer seal, as the server together with KMS could; return it by kind."""
        found: dict[str, list[bytes]] = {}
        for row in self.rows(OUTER_SEALS):
            place = (row["kind"], row["row"], row["team"], row["version"])
            found.setdefault(row["kind"], []).append(self.outer(*place, row["blob"]))
        return found

    def account(self, person: Person) -> UUID:
        """Return the id of a person's account."""
        (user,) = self.rows("SELECT id FROM accounts_user WHERE email = %s", person.email)
        account: UUID = user["id"]
        return account

    def wraps(self) -> list[dict[str, Any]]:
        """Return every AMK wrap, its outer seal opened."""
        rows = self.rows("SELECT * FROM accounts_amkwrap")
        place = ("id", "kek_version", "blob")
        for row in rows:
            wrap, version, blob = (row[name] for name in place)
            row["blob"] = self.outer("amk", wrap.bytes, None, version, blob)
        return rows

    def amk(self, person: Person) -> bytes:
        """Return a person's account master key, by their recovery kit."""
        account = self.account(person)
        (wrap,) = [
            row for row in self.wraps() if (row["account_id"], row["wrap"]) == (account, "kit")
        ]
        with derive_kit_key(code=kit_code(person), account=account.bytes) as kit:
            return open_wrap(kit, account, wrap)

    def keyring(self, person: Person) -> dict[str, Any]:
        """Return a person's secret keys, by their recovery kit."""
        account = self.account(person)
        (blob,) = self.rows(
            "SELECT * FROM accounts_accountblob WHERE account_id = %s AND kind = 'keyring'", account
        )
        place = {"account": account.bytes, "counter": blob["counter"]}
        amk = Amk(self.amk(person))
        opened = cbor.loads(bytes(open_sealed(amk, KEYRING, place, bytes(blob["blob"]))))
        assert isinstance(opened, dict), opened
        return opened

    def grants(self) -> Iterator[tuple[dict[str, Any], ParsedGrant]]:
        """Yield every grant, its row and what lies under the outer seal."""
        for row in self.rows("SELECT * FROM vaults_grant"):
            place = (bytes(row["row_hash"]), row["team_id"], row["kek_version"])
            yield row, parse_grant(self.outer("grant", *place, row["blob"]))

    def deks(self, box_secret: bytes) -> dict[tuple[UUID, int], Dek]:
        """Return every DEK that somebody's box key leads to: by grants, then by former DEKs."""
        found: dict[tuple[UUID, int], Dek] = {}
        for row, grant in self.grants():
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
