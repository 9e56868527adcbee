"""Checks whose absence alone no case can show, since another check refuses the same.

A key is what `./dev mutants` prints before the arrow, without the line. An entry is taken only if
a case that passes without the check fails without both: so each run proves it again. Whoever
strikes a check from the source, or finds a case for it, strikes it here: an entry that fits no
surviving mutant fails the run.
"""

from typing import Final, NamedTuple


class Behind(NamedTuple):
    other: str  # the place of the check that refuses as well
    reason: str


_NOBODY = "whoever is not signed in has no id, so the query after it finds no row"
_SIZE = "bounds the work: each field has its length, so nothing longer is of the form either"

EQUIVALENT: Final[dict[str, Behind]] = {
    "vaults/crypto/cbor.py _map CborError": Behind(
        "vaults/crypto/cbor.py _map CborError #2",
        "a key that is no text is then read as an empty one, which is not greater than any before",
    ),
    "vaults/crypto/grants.py _decoded T7.parse": Behind(
        "vaults/crypto/grants.py _decoded T7.parse #2", _SIZE
    ),
    "vaults/access.py require_vault not_found": Behind(
        "vaults/access.py require_vault not_found #2", _NOBODY
    ),
    "vaults/access.py require_member_and_kek not_found": Behind(
        "vaults/access.py require_member_and_kek not_found #2", _NOBODY
    ),
    "static/src/crypto/grants.ts parseGrant T7.parse": Behind(
        "static/src/crypto/grants.ts read T7.parse", _SIZE
    ),
    "static/src/crypto/links.ts parseAccept T10.accept": Behind(
        "static/src/crypto/links.ts parseAccept T10.accept #2", _SIZE
    ),
    "static/src/crypto/cbor.ts Reader.#take T1.cbor": Behind(
        "static/src/crypto/cbor.ts Reader.end T1.cbor",
        "what is cut short is then found at the end, where the bytes do not come out even",
    ),
}
