"""The built client's files in a template, by their hashed names and with integrity."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

ENTRY = "src/main.ts"

register = template.Library()


@register.simple_tag
def client_files() -> SafeString:
    """Return the elements that load the client's style and script.

    Raises:
        FileNotFoundError: the client has not been built.
    """
    return _elements(settings.STATICFILES_DIRS[0])


@register.simple_tag
def client_styles() -> SafeString:
    """Return the elements that load the client's style only."""
    return _styles(settings.STATICFILES_DIRS[0])


@cache
def _elements(dist: Path) -> SafeString:
    script = format_html(
        '<script type="module" src="{}" integrity="{}"></script>',
        static(_entry(dist)["file"]),
        integrity(dist / _entry(dist)["file"]),
    )
    return format_html("{}\n{}", _styles(dist), script)


@cache
def _styles(dist: Path) -> SafeString:
    return format_html_join(
        "\n",
        '<link rel="stylesheet" href="{}" integrity="{}">',
        ((static(name), integrity(dist / name)) for name in _entry(dist).get("css", [])),
    )


@cache
def _entry(dist: Path) -> dict[str, Any]:
    manifest = json.loads((dist / "manifest.json").read_text(encoding="utf-8"))
    entry: dict[str, Any] = manifest[ENTRY]
    return entry


def integrity(path: Path) -> str:
    """Return the value of `integrity` for one file: SHA-384, base64."""
    digest = hashlib.sha384(path.read_bytes()).digest()
    return f"sha384-{base64.b64encode(digest).decode('ascii')}"
