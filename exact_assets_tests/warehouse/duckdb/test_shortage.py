"""A full disk or too little memory: what was stored stays, and work goes on when there is room again."""

import logging
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from exact_assets.errors import ShortOfMemoryError, WarehouseError
from exact_assets.stream import Step, Stored, Verb
from exact_assets.warehouse.divisions import KnownDivision
from exact_assets.warehouse.duckdb import file as duckdb_file
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.duckdb.plain import query
from exact_assets_tests.warehouse.tables import DIVISION, SYNC, guid, rows, step

ROWS = 3000


def big_step(number: int, *, verb: Verb = Verb.UPSERT, division: int = DIVISION) -> Step:
    values = [{"id": guid(number * ROWS + n), "timestamp": n, "value": f"{n:08}" * 20} for n in range(ROWS)]
    return step(verb, rows(SYNC, *values, division=division))


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


LIMITS = [("2MB", "80%"), ("3MB", "80%"), ("6MB", "12MB", "80%"), ("10MB", "80%"), ("20MB", "80%")]


@pytest.mark.parametrize("limits", LIMITS, ids=" ".join)
def test_where_memory_is_short_more_is_allowed_whatever_is_done(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, limits: tuple[str, ...]
) -> None:
    """Each use has a warehouse of its own, as each run has one: nothing was allowed before."""
    monkeypatch.setattr(duckdb_file, "MEMORY_LIMITS", limits)
    url = f"duckdb:///{path}"
    with caplog.at_level(logging.WARNING):
        open_warehouse(url).prepare([SYNC])
        for number in range(8):
            stored = open_warehouse(url).store(SYNC, DIVISION, big_step(number), expected_seq=number)
            assert stored.changes.inserted == ROWS
        assert open_warehouse(url).row_counts(SYNC, [DIVISION]) == {DIVISION: {None: 8 * ROWS}}
        for number in range(4):
            stage = big_step(number, verb=Verb.STAGE)
            open_warehouse(url).store(SYNC, DIVISION, stage, expected_seq=8 + number)
        replaced = open_warehouse(url).store(SYNC, DIVISION, big_step(4, verb=Verb.REPLACE), expected_seq=12)
        assert replaced.changes.deleted == 3 * ROWS
        open_warehouse(url).refresh_divisions([KnownDivision(division=DIVISION)])
        assert open_warehouse(url).purge(SYNC.name, [DIVISION]) == 5 * ROWS
    assert caplog.messages == []
    assert query(path, "SELECT count(*) FROM exact.crm_accounts") == [(0,)]
    assert not path.with_name(f"{path.name}.wal").exists()


@pytest.mark.parametrize("limits", LIMITS, ids=" ".join)
def test_the_log_of_a_killed_process_is_played_back_with_more_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch, limits: tuple[str, ...]
) -> None:
    """A purge had left a log with which no opening could begin: all of them had the same small limit."""
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare([SYNC])
    for number in range(8):
        warehouse.store(SYNC, DIVISION, big_step(number), expected_seq=number)
    leave_a_log(path)
    monkeypatch.setattr(duckdb_file, "MEMORY_LIMITS", limits)
    assert open_warehouse(f"duckdb:///{path}").row_counts(SYNC, [DIVISION]) == {DIVISION: {None: 4 * ROWS}}
    again = open_warehouse(f"duckdb:///{path}").store(SYNC, DIVISION, big_step(0), expected_seq=8)
    assert again.changes.inserted == ROWS // 2


def leave_a_log(path: Path) -> None:
    """Delete half of the rows, and end before the log is carried into the file."""
    with duckdb.connect(":memory:", config=duckdb_file.SETTINGS) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute(f"ATTACH '{path}' AS it")
        connection.execute("DELETE FROM it.exact.crm_accounts WHERE timestamp % 2 = 0")
    assert path.with_name(f"{path.name}.wal").stat().st_size > 0


def test_where_there_is_no_more_memory_the_error_says_what_to_do_and_nothing_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare([SYNC])
    warehouse.store(SYNC, DIVISION, big_step(0), expected_seq=0)
    monkeypatch.setattr(duckdb_file, "MEMORY_LIMITS", ("1MB", "2MB"))
    short = open_warehouse(f"duckdb:///{path}")
    (answer,) = short.store_many(SYNC, [(DIVISION, big_step(1), 1)])
    assert isinstance(answer, WarehouseError)
    assert "needs more memory than there is for it" in str(answer)
    with pytest.raises(WarehouseError, match="Give this machine or container more"):
        short.purge(SYNC.name, [DIVISION])
    assert query(path, "SELECT count(*) FROM exact.crm_accounts") == [(ROWS,)]
    assert warehouse.store(SYNC, DIVISION, big_step(1), expected_seq=1).changes.inserted == ROWS


def test_threads_whose_duckdb_was_closed_for_lack_of_memory_begin_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_file, "MEMORY_LIMITS", ("2MB", "4MB", "8MB", "16MB", "80%"))
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare([SYNC])
    divisions = range(DIVISION, DIVISION + 6)

    def load(division: int) -> int:
        for number in range(3):
            warehouse.store(SYNC, division, big_step(number, division=division), expected_seq=number)
        return warehouse.row_counts(SYNC, [division])[division][None]

    with ThreadPoolExecutor(len(divisions)) as threads:
        assert list(threads.map(load, divisions)) == [3 * ROWS] * len(divisions)


def test_a_duckdb_that_fell_over_is_replaced_by_one_that_is_allowed_more(path: Path) -> None:
    """Lack of memory in one thread may end the DuckDB of all: it takes no other limit then, nor anything else."""
    file = duckdb_file.DuckDBFile(path, patience=Patience(5))
    attempts: list[str] = []

    def work() -> str:
        with file.connection() as connection:
            attempts.append(connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0])
            if len(attempts) == 1:
                assert file._engine is not None
                file._engine.close()
                raise ShortOfMemoryError("as DuckDB said")
        return attempts[-1]

    assert file.persist(work) != attempts[0]
