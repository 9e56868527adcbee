"""The story, told once for all tests that ask what it left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.story import Told, tell
from tests.product import data_folder, product


@pytest.fixture(scope="session")
def story(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The product after the story; it still runs."""
    folder: Path = tmp_path_factory.mktemp("story")
    with data_folder() as data, product(data, COFFRET_WAITING_MAIL_SECONDS="2") as running:
        yield tell(running, browser, folder)
