"""CPU, memory and calls of large loads through the real asset, beside a bare lower bound in the same run.

`make bench` starts the simulator in a process of its own, once with 100,000 and once with 1,000,000 ledger lines,
and prints for each: CPU seconds per 100,000 rows of the asset and of the bound and their ratio, peak memory, calls,
and the calls of a second run in which nothing changed. Both must hold the same rows with the same sum of amounts
(without their signs, for with them it is zero). Compare ratios, not seconds: machines differ. MB are 10^6 bytes, as
the kernel counts a process's resident pages.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table as Grid

from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.trials.bound import TABLE

SIZES = (100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Measured:
    """One process, from start to end."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a warehouse holds."""

    rows: int
    columns: int
    amount: str
    """The sum of all amounts without their signs (with them it is zero), exact."""


def main(sizes: tuple[int, ...]) -> None:
    """Measure all sizes and print one table: a line for each figure, a column for each size."""
    grid = Grid(title="Ledger lines of one division, first load", title_justify="left")
    grid.add_column("")
    found = [_measure(size) for size in sizes]
    for one in found:
        grid.add_column(one["rows"], justify="right")
    for heading in list(found[0])[1:]:
        grid.add_row(heading, *(one[heading] for one in found))
    Console(width=100).print(grid)


def _measure(size: int) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        limits = {"minute_limit": 10_000_000, "day_limit": 10_000_000}
        with installation(Path(folder), divisions=1, rows=size, settings=limits) as place:
            division = place.divisions[0]
            place.enable(division)
            key = f"{division}|{datetime.now(UTC).year}"
            floor = _run(place, _floor_arguments(), {"DAGSTER_HOME": str(place.folder)})
            before, served = len(place.simulator.control.calls()), _cpu_seconds(place.simulator.pid)
            asset = _run(place, _asset_arguments(key), place.environment)
            loaded, served = len(place.simulator.control.calls()), _cpu_seconds(place.simulator.pid) - served
            idle = _run(place, _asset_arguments(key), place.environment)
            again = len(place.simulator.control.calls())
            bound, bare = _run_bound(place, division, Path(folder) / "bound.duckdb")
            ours = _shape(place.warehouse)
    if (ours.rows, ours.amount) != (bare["rows"], bare["amount"]):
        raise AssertionError(f"the asset stored {ours}, the bound {bare}")
    per = ours.rows / 100_000
    working = asset.cpu_seconds - idle.cpu_seconds
    return {
        "rows": f"{ours.rows:,} rows",
        "columns": f"{ours.columns}",
        "sum of amounts without signs, both sides": ours.amount,
        "asset: CPU s per 100,000 rows, all": f"{asset.cpu_seconds / per:.2f}",
        "asset: CPU s of a run in which nothing changed": f"{idle.cpu_seconds:.2f}",
        "asset: CPU s per 100,000 rows, less that": f"{working / per:.2f}",
        "bound: CPU s per 100,000 rows": f"{bound.cpu_seconds / per:.2f}",
        "ratio": f"{asset.cpu_seconds / bound.cpu_seconds:.2f}",
        "ratio, less a run in which nothing changed": f"{working / bound.cpu_seconds:.2f}",
        "asset: peak MB": f"{asset.peak_bytes / 1e6:.0f}",
        "bound: peak MB": f"{bound.peak_bytes / 1e6:.0f}",
        "an empty asset (Dagster, Arrow, DuckDB): peak MB": f"{floor.peak_bytes / 1e6:.0f}",
        "asset: calls per 100,000 rows": f"{(loaded - before) / per:.1f}",
        "asset: calls when nothing changed": f"{again - loaded}",
        "asset: wall s": f"{asset.wall_seconds:.1f}",
        "simulator: CPU s per 100,000 rows, served to the asset": f"{served / per:.2f}",
    }


def _asset_arguments(key: str) -> list[str]:
    which = ["-m", "exact_assets.definitions", "--select", f'key:"exact/{TABLE}"', "--partition", key]
    return ["dagster", "asset", "materialize", *which]


def _floor_arguments() -> list[str]:
    return ["dagster", "asset", "materialize", "-m", "exact_assets_tests.trials.floor", "--select", "nothing"]


def _run_bound(place: Installation, division: int, database: Path) -> tuple[Measured, dict[str, Any]]:
    token = place.simulator.control.tokens()["access_token"]
    arguments = ["exact_assets_tests.trials.bound", place.simulator.base_url, token, str(division), str(database)]
    output = Path(f"{database}.out")
    measured = _run(place, arguments, {}, output=output)
    return measured, json.loads(output.read_text().splitlines()[-1])


def _run(
    place: Installation, arguments: list[str], environment: dict[str, str], *, output: Path | None = None
) -> Measured:
    """Run `python -m …` and take the operating system's own account of it."""
    path = output or place.folder / "run.log"
    started = time.monotonic()
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=place.folder,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(path.read_text()[-3000:])
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Measured(cpu_seconds, time.monotonic() - started, usage.ru_maxrss * 1024)


def _cpu_seconds(pid: int) -> float:
    """Read the CPU time that a running process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = 11, 12
    return (int(fields[user]) + int(fields[system])) / os.sysconf("SC_CLK_TCK")


def _shape(warehouse: Path) -> Loaded:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        result = connection.execute(f"SELECT count(*), sum(abs(amount_dc)) FROM exact.{TABLE}").fetchall()
        columns = connection.execute(f"SELECT * FROM exact.{TABLE} LIMIT 0").description
    return Loaded(rows=int(result[0][0]), columns=len(columns or []), amount=str(result[0][1]))


if __name__ == "__main__":
    main(tuple(int(size) for size in sys.argv[1:]) or SIZES)
