"""What tests of processes share."""

import resource
from collections.abc import Iterator

import pytest


@pytest.fixture
def cores_allowed() -> Iterator[None]:
    """What is started now may write core files, as far as this machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
