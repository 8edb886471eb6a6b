"""What lasts for the whole session of tests: the PostgreSQL that all of them share, and databases in it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from exact_assets_tests import postgresql

_ENDING = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Let the first process say where the server will be; workers are started after this and read it."""
    config.stash[_ENDING] = ExitStack()
    config.stash[_ENDING].enter_context(postgresql.session())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server, if a test has started one."""
    if (ending := config.stash.get(_ENDING, None)) is not None:
        ending.close()


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """Return the URL of an empty database of the test's own."""
    with postgresql.database() as url:
        yield url
