"""A full disk or too little memory: what was stored stays, and work goes on when there is room again."""

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exact_assets.errors import WarehouseError
from exact_assets.stream import Step, Stored, Verb
from exact_assets.warehouse import duckdb_file
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.tables import DIVISION, SYNC, guid, query, rows, step

ROWS = 3000


def big_step(number: int) -> Step:
    values = [{"id": guid(number * ROWS + n), "timestamp": n, "value": f"{n:08}" * 20} for n in range(ROWS)]
    return step(Verb.UPSERT, rows(SYNC, *values))


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let no file grow further, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_loses_nothing_that_was_stored(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare([SYNC])
    stored = 0
    with largest_file(path.stat().st_size + 2_000_000):
        for number in range(20):
            (answer,) = warehouse.store_many(SYNC, [(DIVISION, big_step(number), stored)])
            if not isinstance(answer, Stored):
                assert isinstance(answer, WarehouseError)
                break
            stored = answer.load_seq
    assert 0 < stored < 20
    assert warehouse.states(SYNC, [DIVISION])[DIVISION].load_seq == stored
    assert warehouse.store(SYNC, DIVISION, big_step(stored), expected_seq=stored).changes.inserted == ROWS
    assert query(path, "SELECT count(*), count(DISTINCT id) FROM exact.crm_accounts") == [
        ((stored + 1) * ROWS, (stored + 1) * ROWS)
    ]


def test_where_memory_is_short_more_is_allowed(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(duckdb_file, "MEMORY_LIMITS", ("2MB", "80%"))
    warehouse = open_warehouse(f"duckdb:///{path}")
    with caplog.at_level(logging.WARNING):
        warehouse.prepare([SYNC])
        for number in range(3):
            assert warehouse.store(SYNC, DIVISION, big_step(number), expected_seq=number).changes.inserted == ROWS
    assert caplog.messages == []
    assert query(path, "SELECT count(*) FROM exact.crm_accounts") == [(3 * ROWS,)]
