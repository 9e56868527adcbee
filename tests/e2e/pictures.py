"""Pictures of every screen, on a Core in memory: light, dark, on a tablet and on a phone.

`python -m tests.e2e.pictures FOLDER [NAME ...]` builds the client's harness, serves it under the
policy of the product, writes the pictures and prints what went wrong: errors of the page, refusals
of the policy, findings of axe.
"""

import json
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Error, Page

from tests.browser import launch, watch
from tests.e2e.shots import SHOTS, Shot

CLIENT = Path(__file__).parents[2] / "static"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types svelte-trusted-html coffret-worker"
)
TYPES = {".js": "text/javascript", ".css": "text/css"}
VIEWS = {"light": (1280, 860), "dark": (1280, 860), "tablet": (660, 900), "phone": (360, 780)}


class Handler(BaseHTTPRequestHandler):
    """The harness at every address, its files under /static/, all under the policy."""

    def __init__(self, folder: Path, *args: object) -> None:
        self.folder = folder
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with a file or with the page."""
        path = self.path.split("?", maxsplit=1)[0]
        if path.startswith("/static/"):
            file = self.folder / path.removeprefix("/static/")
            self._send(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))
        else:
            self._send(self._page().encode(), "text/html; charset=utf-8")

    def _page(self) -> str:
        entry = json.loads((self.folder / "manifest.json").read_text())["tests/pages/harness.ts"]
        styles = "".join(f'<link rel="stylesheet" href="/static/{name}">' for name in entry["css"])
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Coffret</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<link rel="icon" href="/static/favicon.svg">{styles}'
            f'<script type="module" src="/static/{entry["file"]}"></script></head>'
            '<body><div id="app"></div></body></html>'
        )

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Say nothing of each request."""


def build(folder: Path) -> None:
    """Build the harness into a folder."""
    command = ["npx", "--no-install", "vite", "build", "--config", "tests/pages/vite.config.ts"]
    subprocess.run([*command, "--outDir", folder, "--logLevel", "warn"], cwd=CLIENT, check=True)


def findings(page: Page) -> list[str]:
    """Return what axe finds, one line each."""
    page.evaluate((CLIENT / "node_modules/axe-core/axe.min.js").read_text())
    found = page.evaluate("axe.run(document).then(result => result.violations)")
    return [
        f"axe {each['id']}: {each['nodes'][0]['html'][:160]} ({len(each['nodes'])})"
        for each in found
    ]


# What a finger presses: all but links inside a text, and boxes whose label is the target.
TARGETS = "button, select, summary, a.btn, a.icon-btn, .nav a, .tabbar a, label.radio, .menu a"
TOO_LOW = """(targets) => [...document.querySelectorAll(targets)].flatMap((each) => {
    const {width, height} = each.getBoundingClientRect()
    if (width === 0 || height >= 43.5) return []
    if (!each.checkVisibility({visibilityProperty: true})) return []
    return [`${Math.round(height)} px: ${each.ariaLabel ?? each.textContent.trim()}`]
})"""

# Of the page and of its pane, which scrolls by itself.
TOO_WIDE = """() => Math.max(...[document.documentElement, document.querySelector("#main")].map(
    (each) => each.scrollWidth - each.clientWidth))"""


def too_low(page: Page) -> list[str]:
    """Return the targets that are lower than a finger needs, 44 px."""
    found: list[str] = page.evaluate(TOO_LOW, TARGETS)
    return found


def take(browser: Browser, origin: str, shot: Shot, view: str, folder: Path) -> list[str]:
    """Take one picture and return what went wrong on the page."""
    width, height = VIEWS[view]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
        has_touch=view == "phone",
        is_mobile=view == "phone",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(4_000)
    problems = watch(page)
    theme = "dark" if view == "dark" else "light"
    query = f"?scene={shot.scene}&theme={theme}{shot.query}"
    try:
        page.goto(f"{origin}{shot.path}{query.replace('?', '&') if '?' in shot.path else query}")
        page.locator("#main").wait_for()
        if shot.act is not None:
            shot.act(page)
        page.wait_for_timeout(150)
        problems += findings(page)
        wide = page.evaluate(TOO_WIDE)
        if view == "phone":
            problems += too_low(page)
        if wide > 0:
            problems.append(f"wider than the window by {wide} px")
        page.screenshot(path=folder / f"{shot.name}-{view}.png")
    except (Error, AssertionError) as error:
        problems.append(f"stopped: {' '.join(str(error).split())[:300]}")
    context.close()
    return [f"{shot.name} {view}: {problem}" for problem in problems]


def main(folder: Path, names: list[str]) -> int:
    """Take every picture, or those named; return 1 if something went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as built, launch() as browser:
        build(Path(built))
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, Path(built)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://localhost:{server.server_port}"
        for shot in SHOTS:
            if not names or shot.name in names:
                for view in VIEWS:
                    wrong += take(browser, origin, shot, view, folder)
        server.shutdown()
        server.server_close()
    sys.stdout.write("\n".join([*wrong, f"{len(wrong)} things went wrong.", ""]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
