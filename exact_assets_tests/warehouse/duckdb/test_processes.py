"""Several processes and threads at one file: nothing is lost, the fence holds, and who holds it is named."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from exact_assets.errors import LoadSupersededError, WarehouseBusyError
from exact_assets.stream import Stored, Verb
from exact_assets.warehouse.duckdb.file import DuckDBFile
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.duckdb.plain import query
from exact_assets_tests.warehouse.duckdb.test_kills import start
from exact_assets_tests.warehouse.duckdb.worker import make_step, problems
from exact_assets_tests.warehouse.tables import ALL, DIVISION, SYNC, guid, rows, step


@contextmanager
def holder(path: Path, *, seconds: float, read_only: bool = False) -> Iterator[int]:
    """Let another process, which is none of ours, hold the file for a while; give its number."""
    code = (
        f"import duckdb, time; c = duckdb.connect({str(path)!r}, read_only={read_only}); "
        f"print('held', flush=True); time.sleep({seconds})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


def test_a_look_at_the_file_does_not_end_the_hold_of_another_thread_on_it(path: Path) -> None:
    """POSIX ends all locks of a process on a file when it closes one: a stranger could write beside us."""
    file = DuckDBFile(path, patience=Patience(5))
    program = f"import duckdb; duckdb.connect({str(path)!r}).execute('CREATE TABLE t (i INT)')"
    stranger = [sys.executable, "-c", program]
    with file.connection() as connection, file.attached(connection, read_only=False):
        connection.execute("CREATE TABLE ours AS SELECT 1 AS one")
        for other in (file, DuckDBFile(path, patience=Patience(5))):
            assert other.exists
        done = subprocess.run(stranger, capture_output=True, text=True, check=False)
        assert "Could not set lock on file" in done.stderr
    assert query(path, "SELECT one FROM ours") == [(1,)]


@pytest.mark.long
def test_processes_at_one_file_lose_nothing(path: Path) -> None:
    """Two work on the same stream, and each step is stored by exactly one of them."""
    processes = [start(path, division, 12) for division in (1, 1, 2, 3)]
    stored = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert stored == [12, 12, 12, 12]
    states = open_warehouse(f"duckdb:///{path}").states(SYNC, [1, 2, 3])
    assert {division: state.load_seq for division, state in states.items()} == {1: 24, 2: 12, 3: 12}
    assert [problem for division in states for problem in problems(path, division, states[division].load_seq)] == []


def test_threads_at_one_file_lose_nothing(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare([SYNC])
    other = open_warehouse(f"duckdb:///{path}")

    def work(division: int) -> None:
        for number in range(6):
            one = warehouse if (division + number) % 2 else other
            one.store(SYNC, division, make_step(division, number), expected_seq=number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(1, 7)))
    assert [problem for division in range(1, 7) for problem in problems(path, division, 6)] == []


def test_of_threads_with_the_same_step_one_wins(warehouse: Warehouse) -> None:
    warehouse.prepare([SYNC])
    barrier = threading.Barrier(5)

    def work(number: int) -> object:
        arrived = step(Verb.UPSERT, rows(SYNC, {"id": guid(number), "timestamp": 1}))
        barrier.wait()
        return warehouse.store_many(SYNC, [(DIVISION, arrived, 0)])[0]

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(work, range(5)))
    assert sum(isinstance(answer, Stored) for answer in answers) == 1
    assert sum(isinstance(answer, LoadSupersededError) for answer in answers) == 4
    assert warehouse.row_counts(SYNC, [DIVISION]) == {DIVISION: {None: 1}}


def test_processes_may_prepare_at_the_same_time(path: Path) -> None:
    code = (
        "import sys; from exact_assets.warehouse.open import open_warehouse; "
        "from exact_assets_tests.warehouse.tables import ALL; "
        "open_warehouse('duckdb:///' + sys.argv[1]).prepare(ALL)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]
    assert query(path, "SELECT count(*) FROM duckdb_tables()") == [(len(ALL) + 2,)]


def test_a_file_that_another_process_holds_is_busy_and_the_process_is_named(path: Path) -> None:
    open_warehouse(f"duckdb:///{path}").prepare([SYNC])
    hurried = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=0.3)
    with holder(path, seconds=60) as process_id:
        with pytest.raises(WarehouseBusyError, match=rf"PID {process_id}\b"):
            hurried.states(SYNC, [1])
        (answer,) = hurried.store_many(SYNC, [(1, make_step(1, 0), 0)])
        assert isinstance(answer, WarehouseBusyError)
    assert hurried.states(SYNC, [1])[1].load_seq == 0


def test_all_who_wait_for_a_stranger_learn_who_it_is(path: Path) -> None:
    """The one that waits inside our own lock would otherwise be what the others blame."""
    open_warehouse(f"duckdb:///{path}").prepare([SYNC])
    with holder(path, seconds=60) as process_id, ThreadPoolExecutor(3) as pool:
        waiting = [open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=1) for _ in range(3)]
        errors = [pool.submit(one.states, SYNC, [1]).exception() for one in waiting]
    assert all(f"PID {process_id}" in str(error) for error in errors)


def test_a_file_that_is_let_go_of_in_time_is_waited_for(path: Path) -> None:
    warehouse = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=20)
    warehouse.prepare([SYNC])
    with holder(path, seconds=0.7):
        assert warehouse.store(SYNC, 1, make_step(1, 0), expected_seq=0).load_seq == 1


def test_readers_do_not_keep_readers_out(path: Path) -> None:
    open_warehouse(f"duckdb:///{path}").prepare([SYNC])
    hurried = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=0.3)
    with holder(path, seconds=60, read_only=True):
        hurried.prepare([SYNC])
        assert hurried.list_divisions() == ()
        with pytest.raises(WarehouseBusyError):
            hurried.prepare(ALL)


def test_a_file_that_this_process_itself_holds_elsewhere_is_busy(path: Path) -> None:
    hurried = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=0.2)
    hurried.prepare([SYNC])
    with duckdb.connect(str(path)), pytest.raises(WarehouseBusyError, match="already attached"):
        hurried.states(SYNC, [1])
    assert hurried.states(SYNC, [1])[1].load_seq == 0
