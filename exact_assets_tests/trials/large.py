"""What touches a whole division at once, with 2,000,000 rows in it, killed at random moments.

`make large` (`python -m exact_assets_tests.trials.large ROWS KILLS SEED` for others) makes one warehouse and, for
each of a purge, the way back from soft to hard deletions, a sweep and a reload, takes a copy, kills the work so
often, and then lets it end. After each kill the file must open, and hold all or nothing of what was to be done; at
the end another division's rows must be there, the same. Prints time and peak memory of the work undisturbed.
"""

import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import duckdb
from pydantic import SecretStr
from rich.console import Console

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.cursors import SyncCursor
from exact_assets.selection.purge import purge
from exact_assets.stream import Chain, Step, StreamState, Verb
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.trials.large_rows import TABLE, keys_of, rows_of

HERE, ELSEWHERE = 100_001, 100_002
ROWS_ELSEWHERE = 10_000
CHUNK_ROWS = 100_000
"""Fewer, larger steps than a load has: this is about what a single transaction does."""
SHARE_GONE = 3
"""One of so many rows is marked as gone, or is not among a sweep's keys."""

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True)
class Trial:
    """Some work and what it leaves of the division: rows, and the sum of their Timestamps."""

    name: str
    work: Callable[[Path, int], None]
    before: Callable[[int], tuple[int, int]]
    after: Callable[[int], tuple[int, int]]
    prepare: str | None = None
    """SQL that makes the copy what the work begins with."""


def build(path: Path, rows: int) -> None:
    """Load both divisions."""
    warehouse = warehouse_at(path)
    warehouse.prepare([TABLE])
    for division, count in ((HERE, rows), (ELSEWHERE, ROWS_ELSEWHERE)):
        for first in range(0, count, CHUNK_ROWS):
            arrived = rows_of(division, first, min(CHUNK_ROWS, count - first))
            store(
                warehouse,
                division,
                Step(verb=Verb.UPSERT, rows=arrived, state=StreamState(cursor=SyncCursor(timestamp=1))),
            )


def warehouse_at(path: Path, *, is_soft: bool = False) -> Warehouse:
    return open_warehouse(f"duckdb:///{path}", is_soft=is_soft)


def store(warehouse: Warehouse, division: int, step: Step) -> None:
    """Store a step after whatever was stored last."""
    seq = warehouse.states(TABLE, [division])[division].load_seq
    warehouse.store(TABLE, division, step, expected_seq=seq)


def purged(path: Path, rows: int) -> None:
    config = ExactConfig(
        client_id="trial",
        client_secret=SecretStr("trial"),
        warehouse_url=f"duckdb:///{path}",
        control_url=f"sqlite:///{path.parent / 'control.sqlite'}",
    )
    purge([HERE], control=Control.open(config), warehouse=warehouse_at(path))


def made_hard(path: Path, rows: int) -> None:
    warehouse_at(path).prepare([TABLE])


def swept(path: Path, rows: int) -> None:
    """Sweep with the keys of all rows but one of each three."""
    warehouse = warehouse_at(path)
    state = StreamState(cursor=SyncCursor(timestamp=1), sweep=Chain(link="next"))
    for sweep, is_last in keys_of(HERE, rows, chunk=CHUNK_ROWS, without=SHARE_GONE):
        after = StreamState(cursor=SyncCursor(timestamp=1)) if is_last else state
        empty = TABLE.arrow_schema.empty_table()
        store(warehouse, HERE, Step(verb=Verb.UPSERT, rows=empty, state=after, sweep=sweep))


def reloaded(path: Path, rows: int) -> None:
    """Replace all rows by newer versions of them, as a reload does: staged, then put in their place."""
    warehouse = warehouse_at(path)
    empty = TABLE.arrow_schema.empty_table()
    store(warehouse, HERE, Step(verb=Verb.UPSERT, rows=empty, state=StreamState(cursor=SyncCursor(timestamp=1))))
    for first in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - first)
        is_last = first + count == rows
        state = (
            StreamState(cursor=SyncCursor(timestamp=2))
            if is_last
            else StreamState(cursor=SyncCursor(timestamp=1), chain=Chain(link="next", reload=True))
        )
        arrived = rows_of(HERE, first, count, version=1)
        store(warehouse, HERE, Step(verb=Verb.REPLACE if is_last else Verb.STAGE, rows=arrived, state=state))


def all_rows(rows: int, *, version: int = 0) -> tuple[int, int]:
    return rows, sum(range(1, rows + 1)) + version * rows


def kept_rows(rows: int) -> tuple[int, int]:
    kept = [number + 1 for number in range(rows) if number % SHARE_GONE]
    return len(kept), sum(kept)


MARK = f"""
CREATE SCHEMA exact_live;
CREATE VIEW exact_live.{TABLE.name} AS SELECT * FROM exact.{TABLE.name} WHERE deleted_at IS NULL;
UPDATE exact.{TABLE.name} SET deleted_at = now() WHERE division = {HERE} AND (timestamp - 1) % {SHARE_GONE} = 0
"""
TRIALS = (
    Trial("purge", purged, all_rows, lambda _: (0, 0)),
    Trial("soft to hard", made_hard, all_rows, kept_rows, prepare=MARK),
    Trial("sweep", swept, all_rows, kept_rows),
    Trial("reload", reloaded, all_rows, lambda rows: all_rows(rows, version=1)),
)


def play(trial: Trial, template: Path, rows: int, kills: int, chance: random.Random) -> str:
    """Do the work once undisturbed, then on another copy kill it so often and let it end.

    Raises:
        AssertionError: the work failed by itself, or left neither all nor nothing.
    """
    seconds, megabytes = _undisturbed(trial, template, rows)
    path = _copy(trial, template)
    killed = 0
    for number in range(kills):
        moment = time.monotonic() + chance.uniform(0, seconds)
        process = _start(trial, path, rows, None)
        process.join(max(0.0, moment - time.monotonic()))
        if process.is_alive():
            process.kill()
            killed += 1
        process.join()
        assert process.exitcode in {0, -9}, f"{trial.name} failed by itself: its error stands above"
        found = _found(path, HERE)
        assert found in {trial.before(rows), trial.after(rows)}, f"{trial.name}, kill {number}: {found}"
        if found == trial.after(rows):
            path = _copy(trial, template)
    ended = _start(trial, path, rows, None)
    ended.join()
    assert ended.exitcode == 0, f"{trial.name} failed by itself: its error stands above"
    _check(trial, path, rows)
    return (
        f"{trial.name}: {seconds:.0f} s, {megabytes:.0f} MB undisturbed; {killed} kills, all or nothing each time"
    )


def _undisturbed(trial: Trial, template: Path, rows: int) -> tuple[float, float]:
    path, began = _copy(trial, template), time.monotonic()
    peaks: SimpleQueue[int] = _FORKS.SimpleQueue()
    process = _start(trial, path, rows, peaks)
    process.join()
    assert process.exitcode == 0, f"{trial.name} failed by itself: its error stands above"
    seconds = time.monotonic() - began
    _check(trial, path, rows)
    return seconds, peaks.get() / 1000


def _check(trial: Trial, path: Path, rows: int) -> None:
    assert _found(path, HERE) == trial.after(rows), f"{trial.name} left {_found(path, HERE)}"
    assert _found(path, ELSEWHERE) == all_rows(ROWS_ELSEWHERE), f"{trial.name} touched another division"
    with duckdb.connect(str(path), read_only=True) as connection:
        aside = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name SIMILAR TO '_s(tage|weep)_.*'"
        )
        assert aside.fetchall() == [], f"{trial.name} left rows aside"
    assert not path.with_name(f"{path.name}.wal").exists(), f"{trial.name} left a log"


def _found(path: Path, division: int) -> tuple[int, int]:
    """Open the file as the product does, which plays back what a killed process left, and ask plain DuckDB."""
    warehouse_at(path).states(TABLE, [division])
    with duckdb.connect(str(path), read_only=True) as connection:
        statement = f"SELECT count(DISTINCT id), coalesce(sum(timestamp), 0)::BIGINT FROM exact.{TABLE.name}"
        found = connection.execute(f"{statement} WHERE division = {division}").fetchall()
    return int(found[0][0]), int(found[0][1])


def _copy(trial: Trial, template: Path) -> Path:
    folder = template.parent / trial.name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "warehouse.duckdb"
    shutil.copyfile(template, path)
    if trial.prepare is not None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(trial.prepare)
    return path


def _start(trial: Trial, path: Path, rows: int, peaks: "SimpleQueue[int] | None") -> ForkServerProcess:
    process = _FORKS.Process(target=_run, args=(TRIALS.index(trial), path, rows, peaks), daemon=True)
    process.start()
    return process


def _run(number: int, path: Path, rows: int, peaks: "SimpleQueue[int] | None") -> None:
    TRIALS[number].work(path, rows)
    if peaks is not None:
        peaks.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main(rows: int, kills: int, seed: int) -> None:
    """Play all trials and report; fails with the first difference."""
    console, began = Console(), time.monotonic()
    console.print(f"seed {seed}: {rows:,} rows, {kills} kills of each")
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.duckdb"
        build(template, rows)
        console.print(f"loaded in {time.monotonic() - began:.0f} s: {template.stat().st_size / 1e6:.0f} MB")
        for trial in TRIALS:
            console.print(play(trial, template, rows, kills, random.Random(f"{seed}/{trial.name}")))


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if sys.argv[1:] else 2_000_000,
        int(sys.argv[2]) if sys.argv[2:] else 10,
        int(sys.argv[3]) if sys.argv[3:] else random.SystemRandom().randrange(10**6),
    )
