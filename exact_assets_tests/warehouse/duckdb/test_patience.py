"""Whoever waits for the file waits once for all its openings, says for whom, and gives up when it is to end."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exact_assets.errors import EngineLostError, WarehouseBusyError
from exact_assets.warehouse import patience as patience_module
from exact_assets.warehouse.duckdb.file import DuckDBFile
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.patience import Patience
from exact_assets_tests.warehouse.duckdb.test_processes import holder
from exact_assets_tests.warehouse.duckdb.worker import make_step
from exact_assets_tests.warehouse.tables import ALL, SYNC


def test_one_deadline_holds_for_all_openings_of_a_run(path: Path) -> None:
    """65 tables waited for a minute each."""
    open_warehouse(f"duckdb:///{path}").prepare([SYNC])
    waiting = open_warehouse(f"duckdb:///{path}", patience=Patience(1))
    with holder(path, seconds=60, read_only=True) as process_id:
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(WarehouseBusyError, match=rf"PID {process_id}\b"):
                waiting.prepare(ALL)
        assert time.monotonic() - began < 3
    waiting.prepare(ALL)


@pytest.mark.long
def test_what_was_got_hold_of_is_waited_for_anew(path: Path) -> None:
    waiting = open_warehouse(f"duckdb:///{path}", patience=Patience(3))
    waiting.prepare([SYNC])
    for number in range(3):
        with holder(path, seconds=1.5):
            assert waiting.store(SYNC, 1, make_step(1, number), expected_seq=number).load_seq == number + 1


def test_a_run_says_whom_it_waits_for_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "TELL_SECONDS", 0.4)
    open_warehouse(f"duckdb:///{path}").prepare([SYNC])
    told: list[str] = []
    waiting = open_warehouse(f"duckdb:///{path}", patience=Patience(30, tell=told.append))
    with holder(path, seconds=1.5) as process_id, ThreadPoolExecutor(4) as pool:
        assert len([one.result() for one in [pool.submit(waiting.states, SYNC, [1]) for _ in range(4)]]) == 4
    assert 1 <= len(told) <= 4, "once for all threads"
    assert all(f"PID {process_id}" in one and "s more at most" in one for one in told)


def test_a_thread_that_waits_gives_up_when_its_run_ends(path: Path) -> None:
    open_warehouse(f"duckdb:///{path}").prepare([SYNC])
    patience = Patience(1_800)
    waiting = open_warehouse(f"duckdb:///{path}", patience=patience)
    with holder(path, seconds=60), ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(waiting.states, SYNC, [1]) for _ in range(2)]
        time.sleep(0.3)
        patience.end()
        began = time.monotonic()
        assert all(isinstance(one.exception(), WarehouseBusyError) for one in asked)
        assert time.monotonic() - began < 3


def test_a_thread_waits_no_longer_than_told_for_another_of_its_process(path: Path) -> None:
    open_warehouse(f"duckdb:///{path}").prepare([SYNC])
    file, is_over = DuckDBFile(path, patience=Patience(5)), threading.Event()

    def hold() -> None:
        with file.connection() as connection, file.attached(connection, read_only=True):
            is_over.wait(20)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        time.sleep(0.3)
        with pytest.raises(WarehouseBusyError, match="another thread of this process"):
            open_warehouse(f"duckdb:///{path}", patience=Patience(0.5)).states(SYNC, [1])
        is_over.set()
        held.result()


def test_an_engine_that_is_lost_again_and_again_ends_the_work(path: Path) -> None:
    """It was tried again without bound."""
    tries = 0

    def work() -> None:
        nonlocal tries
        tries += 1
        raise EngineLostError("closed")

    with pytest.raises(EngineLostError, match="20 times in a row"):
        DuckDBFile(path, patience=Patience(1)).persist(work)
    assert tries == 20
