"""What Coffret refuses to start with."""

import json
import os
import subprocess
import sys
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from config.checks import refuse_to_start
from config.embedded import BASE_DIR

CSP = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]


def production(**changes: Any) -> SimpleNamespace:
    """Settings that production would start with, but for `changes`."""
    good = {
        "PRODUCTION": True,
        "MIDDLEWARE": settings.MIDDLEWARE,
        "CONTENT_SECURITY_POLICY": {"DIRECTIVES": CSP},
        "SECRET_KEY": "k" * 50,
        "DEBUG": False,
        "KMS_PROVIDER": "aws",
        "MAIL_PAGE": False,
        "PUBLIC_URL": "https://coffret.example",
        "DATA_FOLDER": "/var/lib/coffret",
        "DATABASES": {"default": {"HOST": "db.example"}},
        "CACHE_URL": "redis://cache.example:6379/1",
        "ALLOWED_HOSTS": ["coffret.example"],
        "TRUSTED_PROXIES": (ip_network("10.0.0.0/8"),),
        "SECURE_HSTS_SECONDS": 1,
    }
    return SimpleNamespace(**{**good, **changes})


def test_sound_settings_start() -> None:
    refuse_to_start(production())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"DEBUG": True}, "COFFRET_DEBUG"),
        ({"KMS_PROVIDER": "local"}, "COFFRET_KMS"),
        ({"MAIL_PAGE": True}, "COFFRET_MAIL_PAGE"),
        ({"PUBLIC_URL": "http://coffret.example"}, "COFFRET_PUBLIC_URL"),
        ({"DATABASES": {"default": {"HOST": "/var/lib/coffret/run"}}}, "embedded"),
        ({"CACHE_URL": "unix:///var/lib/coffret/run/valkey.sock?db=1"}, "embedded"),
        ({"ALLOWED_HOSTS": ["*"]}, "COFFRET_HOSTS"),
        ({"SECURE_HSTS_SECONDS": 0}, "SECURE_HSTS_SECONDS"),
    ],
)
def test_only_a_laptop_may(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=reason):
        refuse_to_start(production(**changes))
    refuse_to_start(production(PRODUCTION=False, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"MIDDLEWARE": []}, "is off"),
        ({"MIDDLEWARE": list(reversed(settings.MIDDLEWARE))}, "WhiteNoise"),
        ({"CONTENT_SECURITY_POLICY": None}, "lacks script-src"),
        ({"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"script-src": "'self'"}}}, "Trusted Types"),
        (
            {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {**CSP, "style-src": ["'unsafe-inline'"]}}},
            "inline",
        ),
        ({"CONTENT_SECURITY_POLICY_REPORT_ONLY": {"DIRECTIVES": CSP}}, "only report"),
        ({"SECRET_KEY": "short"}, "COFFRET_SECRET_KEY"),
        ({"MIDDLEWARE": settings.MIDDLEWARE[1:]}, "client's address"),
        ({"TRUSTED_PROXIES": (ip_network("0.0.0.0/0"),)}, "COFFRET_TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": (ip_network("::/0"),)}, "COFFRET_TRUSTED_PROXIES"),
    ],
)
@pytest.mark.parametrize("in_production", [True, False])
def test_nobody_may(changes: dict[str, Any], reason: str, *, in_production: bool) -> None:
    with pytest.raises(ImproperlyConfigured, match=reason):
        refuse_to_start(production(PRODUCTION=in_production, **changes))


def test_every_reason_is_said_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_to_start(production(DEBUG=True, MAIL_PAGE=True))
    assert str(refused.value).count("\n- ") == 2


@pytest.mark.parametrize("module", ["config.wsgi", "config.worker_check"])
def test_the_processes_ask(module: str) -> None:
    """The web server's door, and what Celery does first, end on the refusal."""
    program = {
        "config.wsgi": "import config.wsgi",
        "config.worker_check": "import config.celery as c; c.app.loader.init_worker()",
    }[module]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "COFFRET_ENV": "production",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Coffret does not start" in done.stderr
    assert "COFFRET_KMS" in done.stderr


def test_production_tells_browsers_to_stay_with_https(settings: Any) -> None:
    """S12: two years, subdomains included; on a laptop, where there is no TLS, nothing."""
    names = ["SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    told = subprocess.run(
        [sys.executable, "-c", f"import config.settings as s; print([s.{names[0]}, s.{names[1]}])"],
        cwd=BASE_DIR,
        env={**os.environ, "COFFRET_ENV": "production"},
        capture_output=True,
        text=True,
        check=True,
    )
    for name, value in zip(names, json.loads(told.stdout.lower()), strict=True):
        setattr(settings, name, value)
    header = "Strict-Transport-Security"
    answer = Client().get("/sign-in", secure=True)
    assert answer.headers[header] == "max-age=63072000; includeSubDomains"

    settings.SECURE_HSTS_SECONDS = 0
    assert header not in Client().get("/sign-in", secure=True).headers
