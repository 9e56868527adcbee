"""The typed readers: what they take, and that they refuse the rest by name."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("X", raising=False)
    monkeypatch.delenv("X_FILE", raising=False)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)]
)
def test_a_truth_value_is_read(monkeypatch: pytest.MonkeyPatch, text: str, *, value: bool) -> None:
    monkeypatch.setenv("X", text)
    assert env.envbool("X", default=not value) is value


@pytest.mark.parametrize("text", ["", "2", "ja", "yes please"])
def test_an_odd_truth_value_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("X", text)
    with pytest.raises(ImproperlyConfigured, match="X must be 1 or 0"):
        env.envbool("X", default=False)


def test_a_number_is_read_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.envint("X", 5, low=1, high=9) == 5
    monkeypatch.setenv("X", "9")
    assert env.envint("X", 5, low=1, high=9) == 9


@pytest.mark.parametrize("text", ["", "0", "10", "-3", "3.0", "٣", "1_0"])
def test_an_odd_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("X", text)
    with pytest.raises(ImproperlyConfigured, match="X must be"):
        env.envint("X", 5, low=1, high=9)


def test_a_list_is_read_and_an_empty_entry_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.envlist("X", ("a",)) == ["a"]
    monkeypatch.setenv("X", "a, b")
    assert env.envlist("X") == ["a", "b"]
    monkeypatch.setenv("X", "a,,b")
    with pytest.raises(ImproperlyConfigured, match="empty entry"):
        env.envlist("X")


def test_networks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.envnetworks("X", ("127.0.0.0/8", "::1")) == (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
    )
    monkeypatch.setenv("X", "192.0.2.7, 2001:db8::/32")
    assert env.envnetworks("X", ()) == (ip_network("192.0.2.7/32"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize("text", ["*", "proxy.example", "10.0.0.1/8", "10.0.0", "10.0.0.0/33"])
def test_odd_networks_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("X", text)
    with pytest.raises(ImproperlyConfigured, match="X must list addresses"):
        env.envnetworks("X", ())


def test_a_missing_text_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="X is not set"):
        env.envstr("X")


def test_only_a_listed_choice_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "c")
    with pytest.raises(ImproperlyConfigured, match="one of a, b"):
        env.envchoice("X", ("a", "b"), "a")


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hidden\n")
    monkeypatch.setenv("X_FILE", str(path))
    assert env.envsecret("X") == "hidden"

    monkeypatch.setenv("X", "hidden")
    with pytest.raises(ImproperlyConfigured, match="both set") as refused:
        env.envsecret("X")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_an_unreadable_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("X_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match="X_FILE"):
        env.envsecret("X")


def test_a_database_address_is_read() -> None:
    got = env.database_from_url("postgresql://an%40a:p%2Fw@db.example:6432/c?sslmode=verify-full")
    assert (got["NAME"], got["USER"], got["PASSWORD"]) == ("c", "an@a", "p/w")
    assert (got["HOST"], got["PORT"]) == ("db.example", "6432")
    assert got["OPTIONS"] == {"sslmode": "verify-full"}


def test_a_socket_folder_is_read() -> None:
    got = env.database_from_url("postgresql://ana@/coffret?host=/a%20b/run")
    assert (got["HOST"], got["USER"], got["PORT"], got["OPTIONS"]) == ("/a b/run", "ana", "", {})


@pytest.mark.parametrize("url", ["mysql://h/x", "postgresql://h", "postgresql://h/a/b", "h"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        env.database_from_url(url)


def test_queue_and_cache_are_two_databases() -> None:
    assert env.redis_databases("rediss://:pw@h:7000") == (
        "rediss://:pw@h:7000/0",
        "rediss://:pw@h:7000/1",
    )
    assert env.redis_databases("unix:///run/v.sock") == (
        "redis+socket:///run/v.sock?virtual_host=0",
        "unix:///run/v.sock?db=1",
    )


@pytest.mark.parametrize("url", ["redis://h/3", "unix:///s?db=2", "amqp://h", "h:6379"])
def test_another_queue_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        env.redis_databases(url)
