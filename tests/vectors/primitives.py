"""Cases for derivations and parts. Bytes are hex."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from tests.draw import Draw
from vaults.crypto import keys, parts, profile

Case = dict[str, Any]

# Of plaintexts whose padded length is asked for.
LENGTHS = (
    *(2, 3, 9, 63, 64, 65, 255, 256, 257, 272, 273, 1000, 4096, 4097),
    *(65_535, 65_536, 2**21 - 1, 2**31 + 1),
)


def derive_cases() -> list[Case]:
    """Deterministic derivations: `function` names it, `input` its arguments, `output` the bytes."""
    draw = Draw("derive")
    a, b, c, d = (draw.take(16) for _ in range(4))
    k, m, n = (draw.take(32) for _ in range(3))
    export_key, genesis = draw.take(64), draw.take(200)
    return [
        _derived("fingerprint", keys.fingerprint(k, m), identity=k, box=m),
        _derived(
            "dek_commit", keys.dek_commit(a, b, 1, keys.Dek(k)), team=a, vault=b, epoch=1, dek=k
        ),
        _derived(
            "dek_commit",
            keys.dek_commit(a, b, 70_000, keys.Dek(k)),
            team=a,
            vault=b,
            epoch=70_000,
            dek=k,
        ),
        _derived("team_id", keys.team_id(genesis).bytes, genesis=genesis),
        _derived(
            "oprf_seed_message", keys.oprf_seed_message(a, b, c), deployment=a, account=b, cred=c
        ),
        _derived(
            "invite_key", bytes(keys.invite_key_from(k, a, d).verify_key), t=k, team=a, invite=d
        ),
        _derived("kit", bytes(keys.derive_kit_key(code=k, account=a).raw), code=k, account=a),
        _derived("revision_hash", parts.revision_hash(k, m), overview=k, details=m),
        *_auk_cases(export_key, account=a, cred=b, server_key=n, secrets=(b"", m)),
        *_commitment_cases(k),
    ]


def _auk_cases(
    export_key: bytes, *, account: bytes, cred: bytes, server_key: bytes, secrets: Sequence[bytes]
) -> Iterator[Case]:
    for secret in secrets:
        arguments = {
            "export_key": export_key,
            "account_secret": secret,
            "account": account,
            "cred": cred,
            "server_key": server_key,
        }
        yield _derived("auk", bytes(keys.derive_auk(**arguments).raw), **arguments)


def _commitment_cases(salt: bytes) -> Iterator[Case]:
    texts: list[tuple[Literal["name", "email", "team"], str]] = [
        ("name", "Zo\u00eb"),
        ("email", "zoe@example.org"),
        ("name", ""),
        ("team", "Orchard"),
    ]
    for kind, text in texts:
        output = profile.commitment(salt, kind, text)
        yield _derived("commitment", output, salt=salt, kind=kind, text=text)


def _derived(function: str, output: bytes, **arguments: Any) -> Case:
    return {"function": function, "input": hexed(arguments), "output": output.hex()}


def part_cases() -> dict[str, list[Case]]:
    """`padme`: pairs; `parts`: padded plaintexts with their text and commitments, or refused."""
    draw = Draw("parts")
    return {
        "padme": [{"length": length, "padded": parts.padme(length)} for length in LENGTHS],
        "parts": [hexed(case) for case in (*_good_parts(draw), *_bad_parts(draw))],
    }


def _good_parts(draw: Draw) -> Iterator[Case]:
    for size in (0, 1, 219, 220, 221, 236, 237, 700):
        text = draw.take(size)
        padded = parts.pad(text, draw.take(32))
        yield {
            "name": f"{size} bytes",
            "padded": padded,
            "text": text,
            "overview": parts.part_commitment("overview", padded),
            "details": parts.part_commitment("details", padded),
            "verdict": "valid",
        }


def _bad_parts(draw: Draw) -> Iterator[Case]:
    padded = parts.pad(b"text", draw.take(32))
    for name, wrong in {
        "last zero is one": padded[:-1] + b"\1",
        "first zero is one": padded[:40] + b"\1" + padded[41:],
        "length smaller than the text": padded[:35] + b"\3" + padded[36:],
        "length beyond the end": padded[:32] + b"\0\0\1\0" + padded[36:],
        "length 2^32 - 1": padded[:32] + b"\xff" * 4 + padded[36:],
        "padded to the next size": padded + bytes(16),
        "one byte short": padded[:-1],
        "one byte long": padded + b"\0",
        "no bytes": b"",
        "35 bytes": padded[:35],
        "36 bytes and no text": bytes(36),
    }.items():
        yield {"name": name, "padded": wrong, "verdict": "R16.open"}


def hexed(case: dict[str, Any]) -> Case:
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in case.items()}
