"""Checks whose absence no case can show, each with the reason.

A key is what `./dev mutants` prints before the arrow, without the line. Whoever strikes a check
from the source, or finds a case for it, strikes it here: an entry that fits no surviving mutant
fails the run.
"""

from typing import Final

_FOLD_AGAIN = "said early, to whom may not write; the fold refuses the same link by the same rule"
_TYPE = "for the type checker: the fold, which has judged the link before, refuses it"
_SESSION = "a handle is bound to its session, and signing in makes another session"
_SIZE = "bounds the work: each field has its length, so what is longer fits no shape either"
_NOBODY = "whoever is not signed in has no id, so the query after it finds no row: the same answer"

EQUIVALENT: Final[dict[str, str]] = {
    "vaults/crypto/cbor.py _map CborError": (
        "a key that is no text is then read as an empty one, which is not greater than any before"
    ),
    "vaults/crypto/grants.py _decoded T7.parse": _SIZE,
    "static/src/crypto/grants.ts parseGrant T7.parse": _SIZE,
    "static/src/crypto/links.ts parseAccept T10.accept": _SIZE,
    "static/src/crypto/cbor.ts Reader.#take T1.cbor": (
        "what is cut short is then found at the end, where the bytes do not come out even"
    ),
    "static/src/crypto/cbor.ts Reader.#argument T1.cbor": (
        "a number of sixteen bytes or more is refused by the next check: not the shortest head"
    ),
    "static/src/crypto/parts.ts checkPart R7.open": (
        "the next step throws on nothing, and everything it throws is the same refusal"
    ),
    "static/src/chain/pins.ts decodePins R17.bundle": (
        "what is no CBOR has no shape, which the next check says in the same way"
    ),
    "vaults/services/changes.py _check_shape T15.right": _FOLD_AGAIN,
    "vaults/services/changes.py _ground not_found": (
        "the access function has just read the vault, and no request deletes one"
    ),
    "vaults/services/changes.py _seen_seq T1.seen": _TYPE,
    "vaults/services/changes.py _written T1.seen": _TYPE,
    "vaults/services/changes.py _written invalid": "for the type checker: its callers bring one",
    "vaults/sync.py _binary not_found": "for the type checker: the connection was just made",
    "sharing/services/joining.py member_add invalid": (
        "for the type checker: every add_member that was parsed has its acceptance"
    ),
    "vaults/access.py require_vault not_found": _NOBODY,
    "vaults/access.py require_member_and_kek not_found": _NOBODY,
    "accounts/access.py require_member not_found": _NOBODY,
    "accounts/password.py password_finish gone": _SESSION,
    "accounts/unlock.py _same login_failed": _SESSION,
    "accounts/signup.py signup_verify conflict": (
        "a new account has no second factor, so no stage is left after its code"
    ),
}
