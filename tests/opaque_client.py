"""A browser's part of sign-up, sign-in and unlock, in Python: the real OPAQUE client.

Argon2id runs with the library's own parameters (20 ms), which are the client's affair: the server
sees none of them. What carries the requests is given, so that tests and load use the same client.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, Protocol

import opaque_ke_py as opaque
from django.test import Client

from vaults.crypto import cbor
from vaults.crypto.keys import Amk, Auk, KitKey, derive_auk, derive_kit_key
from vaults.crypto.seal import AMK_WRAP, KEYRING, NO_TEAM, open_sealed, seal

API = "/api/v1/"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any  # of CBOR, or a problem's JSON


class Api(Protocol):
    def __call__(self, method: str, path: str, body: Any = None) -> Answer: ...


class DjangoApi:
    """Django's test client, CSRF checked, everything as CBOR."""

    def __init__(self, address: str = "127.0.0.1", cookies: Any = None) -> None:
        self.client = Client(enforce_csrf_checks=True, REMOTE_ADDR=address)
        if cookies is not None:
            self.client.cookies = cookies
        # Whose requests it says they are, in hex; as a tab does that knows its account.
        self.named: str | None = None
        self.csrf = self("GET", "session").body["csrf"]

    def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"accept": "application/cbor"}
        if self.named is not None:
            headers["x-coffret-account"] = self.named
        if method != "GET":
            headers["x-csrftoken"] = self.csrf
        response = self.client.generic(
            method,
            API + path,
            b"" if body is None else cbor.dumps(body),
            content_type="application/cbor",
            headers=headers,
        )
        if response.headers.get("Content-Type") == "application/cbor" and response.content:
            answer = Answer(response.status_code, cbor.loads(response.content))
        else:
            content = response.json() if response.content else None
            answer = Answer(response.status_code, content)
        if isinstance(answer.body, dict) and "csrf" in answer.body:
            self.csrf = answer.body["csrf"]
        return answer


@dataclass
class Account:
    """What a browser holds of an account while it is unlocked, and what its person knows."""

    email: str
    password: str
    id: bytes = b""
    cred: bytes = b""
    amk: bytes = b""
    kit_code: bytes = b""
    server_key: bytes = b""
    record: bytes = b""  # as it was sent at sign-up
    wraps: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    record: bytes
    export_key: bytes
    server_key: bytes


def register(password: str, response: bytes, state: bytes) -> Registered:
    finished = opaque.client_registration_finish(password.encode(), state, response)
    # The response is the evaluated point ‖ the server's public key.
    return Registered(finished.get_message(), finished.get_export_key(), response[32:])


def wrap_amk(account: Account, registered: Registered, wrap: str) -> dict[str, Any]:
    """Wrap the AMK under the AUK, or under the kit's key."""
    cred = account.cred if wrap == "auk" else NO_TEAM
    wrap_id = secrets.token_bytes(16)
    context = {"account": account.id, "cred": cred, "id": wrap_id, "wrap": wrap}
    key: Auk | KitKey
    if wrap == "auk":
        key = derive_auk(
            export_key=registered.export_key,
            account_secret=b"",
            account=account.id,
            cred=account.cred,
            server_key=registered.server_key,
        )
    else:
        key = derive_kit_key(code=account.kit_code, account=account.id)
    with key:
        blob = seal(key, AMK_WRAP, context, account.amk)
    return {"id": wrap_id, "wrap": wrap, "cred": cred, "blob": blob}


def open_bundle(account: Account, bundle: dict[str, Any], export_key: bytes) -> bytes:
    """Return the AMK that a bundle holds; fails as the browser would."""
    wrap = bundle["wrap"]
    key = derive_auk(
        export_key=export_key,
        account_secret=b"",
        account=bundle["account"],
        cred=bundle["cred"],
        server_key=account.server_key,
    )
    context = {
        "account": bundle["account"],
        "cred": wrap["cred"],
        "id": wrap["id"],
        "wrap": wrap["wrap"],
    }
    with key:
        return bytes(open_sealed(key, AMK_WRAP, context, wrap["blob"]))


def signup_start(api: Api, email: str, password: str) -> tuple[Answer, bytes]:
    """Return the server's answer and the client's state."""
    started = opaque.client_registration_start(password.encode())
    body = {"email": email, "request": started.get_message()}
    return api("POST", "signup/start", body), started.get_state()


def signup_upload(account: Account, answer: Answer, state: bytes) -> dict[str, Any]:
    """Make the keys, and return the body of `signup/finish`."""
    account.id, account.cred = answer.body["account"], answer.body["cred"]
    account.amk, account.kit_code = secrets.token_bytes(32), secrets.token_bytes(32)
    registered = register(account.password, answer.body["response"], state)
    account.server_key, account.record = registered.server_key, registered.record
    seeds = {
        "box": secrets.token_bytes(32),
        "identity": secrets.token_bytes(32),
        "suite": 1,
        "v": 1,
    }
    with Amk(account.amk) as amk:
        keyring = seal(amk, KEYRING, {"account": account.id, "counter": 1}, cbor.dumps(seeds))
    wraps = [wrap_amk(account, registered, kind) for kind in ("auk", "kit")]
    account.wraps = {wrap["wrap"]: wrap for wrap in wraps}
    return {
        "handle": answer.body["handle"],
        "record": registered.record,
        "suite": 1,
        "keyring": {"counter": 1, "blob": keyring},
        "wraps": wraps,
    }


def sign_up(api: Api, email: str, password: str) -> tuple[Account, Answer]:
    """Go as far as the code."""
    account = Account(email, password)
    answer, state = signup_start(api, email, password)
    assert answer.status == 200, answer
    return account, api("POST", "signup/finish", signup_upload(account, answer, state))


@dataclass(frozen=True)
class Run:
    """An OPAQUE login run: the server's two answers, and what the client got of it."""

    start: Answer
    finish: Answer | None = None
    export_key: bytes = b""


def opaque_run(api: Api, path: str, password: str, **body: Any) -> Run:
    """Run `path`/start and `path`/finish.

    With a wrong password the client notices by itself; then bytes of the right size go out as KE3,
    as they would from somebody who only wants to know what the server says.
    """
    started = opaque.client_login_start(password.encode())
    start = api("POST", f"{path}/start", {**body, "ke1": started.get_message()})
    if start.status != 200:
        return Run(start)
    ke3, export_key = secrets.token_bytes(64), b""
    try:
        state = started.get_state()
        finished = opaque.client_login_finish(password.encode(), state, start.body["ke2"])
        ke3, export_key = finished.get_message(), finished.get_export_key()
    except ValueError:
        pass
    finish = api("POST", f"{path}/finish", {"handle": start.body["handle"], "ke3": ke3})
    return Run(start, finish, export_key)


def log_in(api: Api, email: str, password: str) -> Run:
    return opaque_run(api, "login", password, email=email)


def unlock(api: Api, password: str) -> Run:
    return opaque_run(api, "unlock", password)
