"""What every test of this folder needs to stand alone."""

from collections.abc import Iterator

import pytest
from dagster._core.storage.defs_state.base import set_defs_state_storage


@pytest.fixture(autouse=True)
def _no_instance_left_over() -> Iterator[None]:
    """Hide the instance that was opened last from definitions that are built now.

    Dagster keeps its storage in a context variable, which fixtures that overlap put back in the wrong order: then
    it points at an instance that is gone.
    """
    with set_defs_state_storage(None):
        yield
