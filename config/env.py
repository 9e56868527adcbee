"""Typed readers of the environment. An odd value is refused by name, never guessed at."""

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


def envstr(name: str, default: str | None = None) -> str:
    """Return a text; without a default the variable has to be there and not be empty."""
    value = os.environ.get(name, default)
    if value is None or (value == "" and default is None):
        raise ImproperlyConfigured(f"{name} is not set")
    return value


def envchoice(name: str, choices: tuple[str, ...], default: str) -> str:
    """Return one of `choices`."""
    value = envstr(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}")
    return value


def envbool(name: str, *, default: bool) -> bool:
    """Return a truth value written as 1, true, yes, on or 0, false, no, off."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0")


def envint(name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, both included."""
    value = os.environ.get(name, str(default))
    if not (value.isascii() and value.isdecimal()):
        raise ImproperlyConfigured(f"{name} must be a whole number")
    number = int(value)
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} must be from {low} to {high}")
    return number


def envlist(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return the entries of a comma-separated list, without blanks around them."""
    value = os.environ.get(name)
    if value is None:
        return list(default)
    entries = [entry.strip() for entry in value.split(",")]
    if not all(entries):
        raise ImproperlyConfigured(f"{name} has an empty entry")
    return entries


def envnetworks(name: str, default: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of a comma-separated list; an address alone is a network of one."""
    networks = []
    for entry in envlist(name, default):
        try:
            networks.append(ip_network(entry))
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must list addresses or networks, like 192.0.2.1,10.0.0.0/8"
            ) from None
    return tuple(networks)


def envsecret(name: str, default: str | None = None) -> str:
    """Return a secret from `NAME`, or from the file that `NAME_FILE` points to.

    Raises:
        ImproperlyConfigured: neither or both are given, or the file cannot be read.
            The message never holds the value.
    """
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return envstr(name, default)
    if name in os.environ:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set")
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(f"the file that {name}_FILE names cannot be read") from None
    if not value:
        raise ImproperlyConfigured(f"the file that {name}_FILE names is empty")
    return value


def database_from_url(url: str) -> dict[str, Any]:
    """Read `postgresql://user:password@host:port/name?option=value` into Django's form.

    A socket folder is given as `?host=/folder`; other options go to libpq as they are.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://")
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise ImproperlyConfigured("DATABASE_URL names no database")
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    return {
        "ENGINE": "config.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or "") or options.pop("user", ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def redis_databases(url: str) -> tuple[str, str]:
    """Return the addresses of the broker (database 0) and of the cache (database 1).

    `url` is `redis://…`, `rediss://…` or `unix:///path`, without a database of its own,
    since two are used.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured("REDIS_URL must start with redis://, rediss:// or unix://")
    if parts.query or (parts.scheme != "unix" and parts.path not in {"", "/"}):
        raise ImproperlyConfigured("REDIS_URL must not name a database: 0 and 1 are used")
    if parts.scheme == "unix":
        return f"redis+socket://{parts.path}?virtual_host=0", f"unix://{parts.path}?db=1"
    broker, cache = (urlunsplit(parts._replace(path=f"/{number}")) for number in (0, 1))
    return broker, cache
