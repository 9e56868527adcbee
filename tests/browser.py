"""Chromium, driven by Playwright, and how a page is watched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

INSTALL = "apt-get update && apt-get install -y --no-install-recommends chromium"
FLAGS = [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # `performance.measureUserAgentSpecificMemory` answers at once.
    "--enable-blink-features=ForceEagerMeasureMemory",
]
# What is expected of a page may take its time on a busy machine; Playwright gives it five seconds.
expect.set_options(timeout=30_000)


def chromium() -> str:
    """Return the path of Chromium; a missing one fails the test, with the way to get it."""
    for path in (os.environ.get("CHROMIUM"), "/usr/bin/chromium"):
        if path and Path(path).exists():
            return path
    raise FileNotFoundError(f"Chromium is missing. As root: {INSTALL} (or set CHROMIUM).")


@contextmanager
def launch() -> Iterator[Browser]:
    """Run one Chromium for the time of the block."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def watch(page: Page) -> list[str]:
    """Return a list that fills with what went wrong on a page: errors, and refusals of the CSP."""
    found: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            found.append(f"{message.type}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: found.append(f"exception: {error}"))
    page.on("requestfailed", lambda request: found.append(f"failed: {request.url}"))
    return found
