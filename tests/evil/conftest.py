"""One product behind one lying server for all cases; one person and their browser for each file."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.person import SLOW
from tests.evil.proxy import LyingServer
from tests.evil.scene import Scene
from tests.evil.team import Cast
from tests.evil.victim import Victim
from tests.product import Product, data_folder, product


@pytest.fixture(scope="session")
def liar() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture(scope="session")
def honest_product(liar: LyingServer) -> Iterator[Product]:
    """The product, which believes that the proxy's address is its own."""
    with data_folder() as folder, product(folder, COFFRET_PUBLIC_URL=liar.url) as running:
        liar.upstream = int(running.url.rsplit(":", 1)[1])
        yield running


@pytest.fixture(scope="module")
def cast(honest_product: Product) -> Iterator[Cast]:
    """The accounts that play every founder and colleague."""
    made = Cast(honest_product, 4)
    yield made
    made.close()


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest,
    honest_product: Product,
    liar: LyingServer,
    cast: Cast,
    browser: Browser,
) -> Iterator[Scene]:
    """A person of the file's own, signed up through the proxy."""
    name = request.module.__name__.rsplit("_", 1)[-1]
    victim = Victim(honest_product, liar, browser, f"Vera{name} Quill")
    victim.sign_up()
    expect(victim.field("Name of the team")).to_be_visible(timeout=SLOW)
    yield Scene(honest_product, liar, cast, victim)
    victim.context.close()


@pytest.fixture
def scene(stage: Scene, liar: LyingServer) -> Iterator[Scene]:
    """The file's scene, with a page that has refused nothing yet."""
    if stage.victim.page.get_by_role("button", name="Unlock").is_visible():
        stage.victim.enter()
    elif stage.victim.banner.or_(stage.victim.badge).count() > 0:
        stage.victim.reload()
    stage.victim.expect_no_refusal()
    yield stage
    assert liar.failures == []
    liar.failures.clear()
