"""Behind a proxy the client is whom a trusted proxy names, and nobody can name themself."""

from contextlib import closing
from email.message import Message
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import uuid4

import opaque_ke_py as opaque
import pytest
from django.db import connection
from django.test import Client as DjangoClient

from accounts.setup import deployment_setup
from audit.models import AuditEvent
from config.proxy import client_of, set_client
from tests import settings as test_settings
from tests.bench.client import Client
from tests.opaque_client import DjangoApi, log_in, sign_up
from tests.people import PASSWORD, Person, mailed_code
from tests.server import serve
from vaults.crypto import cbor

PROXY = "10.0.0.1"
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))
SPOOFED = "198.51.100.66"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", f"{SPOOFED}, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7,10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", f"{SPOOFED},203.0.113.7 , 10.9.9.9,10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", f"10.0.0.3, {SPOOFED}, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7:51200", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8:2::9]:51200", "2001:db8:2::9"),
        ("10.0.0.1", "2001:db8:2::9", "2001:db8:2::9"),
        ("2001:db8:1::5", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        # Nobody of ours says it.
        ("203.0.113.9", SPOOFED, "203.0.113.9"),
        ("203.0.113.9", f"{SPOOFED}, 10.0.0.2", "203.0.113.9"),
        # What cannot be read ends the way: what stands left of it is not believed either.
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", f"{SPOOFED}, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", f"{SPOOFED},", "10.0.0.1"),
        ("10.0.0.1", "fe80::1%eth0", "10.0.0.1"),
        # Our own machines only.
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
)
def test_the_client_is_the_nearest_that_is_no_proxy_of_ours(
    peer: str, forwarded: str, client: str
) -> None:
    assert client_of(ip_address(peer), forwarded, TRUSTED) == ip_address(client)


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        (PROXY, "https", "https"),
        (PROXY, "http", "http"),
        ("::ffff:10.0.0.1", "https", "https"),
        ("203.0.113.9", "https", "http"),
        (PROXY, "https,http", "http"),
        (PROXY, "ftp", "http"),
        ("", "https", "http"),
    ],
)
def test_the_scheme_is_a_trusted_proxys_word(peer: str, said: str, scheme: str) -> None:
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_PROTO": said, "wsgi.url_scheme": "http"}
    set_client(environ, TRUSTED)
    assert environ["wsgi.url_scheme"] == scheme
    assert "HTTP_X_FORWARDED_PROTO" not in environ


def test_a_secure_request_is_redirected_to_https_unless_a_proxy_of_ours_said_so(
    deployment: Any, settings: Any
) -> None:
    settings.TRUSTED_PROXIES, settings.SECURE_SSL_REDIRECT = TRUSTED, True
    for address, status in ((PROXY, 200), ("203.0.113.9", 301)):
        client = DjangoClient(REMOTE_ADDR=address)
        answer = client.get("/api/v1/session", headers={"x-forwarded-proto": "https"})
        assert answer.status_code == status, address


def guesses(of: str, address: str, forwarded: str, times: int) -> list[int]:
    """Begin to sign in, each time to another account, over a proxy; return the statuses."""
    api = DjangoApi(address)
    api.client.defaults["HTTP_X_FORWARDED_FOR"] = forwarded
    ke1 = opaque.client_login_start(b"wrong").get_message()
    return [
        api("POST", "login/start", {"email": f"{uuid4()}@{of}.example", "ke1": ke1}).status
        for _ in range(times)
    ]


@pytest.mark.usefixtures("limits_clock")
def test_people_behind_one_proxy_are_counted_apart(deployment: Any, settings: Any) -> None:
    settings.TRUSTED_PROXIES = TRUSTED
    assert guesses("eve", PROXY, "203.0.113.7", 31) == [200] * 30 + [429]
    # Making up what stands left of it helps nobody.
    assert guesses("eve", PROXY, f"{SPOOFED}, 203.0.113.7", 1) == [429]
    assert guesses("ana", PROXY, "203.0.113.8", 1) == [200]


@pytest.mark.usefixtures("limits_clock")
def test_whoever_comes_past_the_proxy_has_one_count(deployment: Any, settings: Any) -> None:
    settings.TRUSTED_PROXIES = TRUSTED
    made_up = [guesses("eve", "203.0.113.9", f"198.51.100.{n}", 1)[0] for n in range(31)]
    assert made_up == [200] * 30 + [429]


@pytest.mark.usefixtures("limits_clock")
def test_without_a_trusted_proxy_no_header_counts(deployment: Any, settings: Any) -> None:
    assert settings.TRUSTED_PROXIES == ()
    made_up = [guesses("eve", "127.0.0.1", f"198.51.100.{n}", 1)[0] for n in range(31)]
    assert made_up == [200] * 30 + [429]


def test_sessions_and_the_log_show_the_client(ana: Person, settings: Any) -> None:
    settings.TRUSTED_PROXIES = TRUSTED
    api = DjangoApi(PROXY)
    api.client.defaults["HTTP_X_FORWARDED_FOR"] = f"{SPOOFED}, 203.0.113.7"
    log_in(api, "ana@example.com", PASSWORD)

    assert "203.0.113.7" in {row["address"] for row in api("GET", "sessions").body["sessions"]}
    event = AuditEvent.objects.filter(action="account.signed_in", actor_id=ana.id).latest("at")
    personal = cbor.loads(bytes(event.personal or b""))
    assert isinstance(personal, dict)
    assert personal["address"] == "203.0.113.7"


class BehindProxies(Client):
    """Somebody who sends a header of their own; the proxy adds its line below that one."""

    def headers(self, etag: str = "") -> Any:
        lines = Message()
        for name, value in super().headers(etag).items():
            lines[name] = value
        lines["X-Forwarded-For"] = SPOOFED
        lines["X-Forwarded-For"] = "203.0.113.7"
        return lines


def test_the_web_server_hands_on_every_line_of_a_header(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COFFRET_BEHIND_PROXY", "1")
    deployment_setup()
    with serve(test_settings.FOLDER, connection.settings_dict["NAME"]) as url:
        browser = BehindProxies(url, 1)
        with closing(browser):
            sign_up(browser, "eve@example.com", PASSWORD)
            browser("POST", "signup/verify", {"code": mailed_code("eve@example.com")})
            shown = browser("GET", "sessions").body["sessions"]
    assert [row["address"] for row in shown] == ["203.0.113.7"]
