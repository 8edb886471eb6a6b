"""CPU, memory and calls of large loads through the real asset, beside a bare lower bound in the same run.

`make bench` starts the simulator in a process of its own, once with 100,000 and once with 1,000,000 ledger lines,
and prints for each: CPU seconds per 100,000 rows of the asset and of the bound and their ratio, peak memory, calls,
and the calls of a second run in which nothing changed. Compare ratios, not seconds: machines differ.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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
    peak_bytes: int
    calls: int = 0
    rows: int = 0


def main(sizes: tuple[int, ...]) -> None:
    """Measure all sizes and print one table."""
    console = Console(width=140)
    grid = Grid(title="Ledger lines of one division, first load", title_justify="left")
    for heading in (
        "rows", "columns", "asset CPU s / 100k", "start-up CPU s", "bound CPU s / 100k", "ratio",
        "ratio less start-up", "asset peak MB", "bound peak MB", "calls", "calls when nothing changed",
    ):  # fmt: skip
        grid.add_column(heading, justify="right")
    for size in sizes:
        grid.add_row(*_measure(size))
    console.print(grid)


def _measure(size: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        limits = {"minute_limit": 10_000_000, "day_limit": 10_000_000}
        with installation(Path(folder), divisions=1, rows=size, settings=limits) as place:
            division = place.divisions[0]
            place.enable(division)
            key = f"{division}|{datetime.now(UTC).year}"
            before = len(place.simulator.control.calls())
            asset = _run(place, _asset_arguments(key), place.environment)
            loaded = len(place.simulator.control.calls())
            idle = _run(place, _asset_arguments(key), place.environment)
            again = len(place.simulator.control.calls())
            bound = _run_bound(place, division, Path(folder) / "bound.duckdb")
            rows, columns = _shape(place.warehouse)
    if rows != bound.rows:
        raise AssertionError(f"the asset stored {rows} rows, the bound {bound.rows}")
    per = rows / 100_000
    return [
        f"{rows:,}", f"{columns}", f"{asset.cpu_seconds / per:.2f}", f"{idle.cpu_seconds:.2f}",
        f"{bound.cpu_seconds / per:.2f}", f"{asset.cpu_seconds / bound.cpu_seconds:.2f}",
        f"{(asset.cpu_seconds - idle.cpu_seconds) / bound.cpu_seconds:.2f}",
        f"{asset.peak_bytes / 1e6:.0f}", f"{bound.peak_bytes / 1e6:.0f}",
        f"{loaded - before:,}", f"{again - loaded}",
    ]  # fmt: skip


def _asset_arguments(key: str) -> list[str]:
    which = ["-m", "exact_assets.definitions", "--select", f'key:"exact/{TABLE}"', "--partition", key]
    return ["dagster", "asset", "materialize", *which]


def _run_bound(place: Installation, division: int, database: Path) -> Measured:
    token = place.simulator.control.tokens()["access_token"]
    arguments = ["exact_assets_tests.trials.bound", place.simulator.base_url, token, str(division), str(database)]
    output = Path(f"{database}.out")
    measured = _run(place, arguments, {}, output=output)
    told = json.loads(output.read_text().splitlines()[-1])
    return Measured(measured.cpu_seconds, measured.peak_bytes, told["calls"], told["rows"])


def _run(
    place: Installation, arguments: list[str], environment: dict[str, str], *, output: Path | None = None
) -> Measured:
    """Run `python -m …` and take the operating system's own account of it."""
    path = output or place.folder / "run.log"
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
    return Measured(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _shape(warehouse: Path) -> tuple[int, int]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        result = connection.execute(f"SELECT count(*) FROM exact.{TABLE}").fetchone()
        columns = connection.execute(f"SELECT * FROM exact.{TABLE} LIMIT 0").description
    return (int(result[0]) if result else 0), len(columns or [])


if __name__ == "__main__":
    main(tuple(int(size) for size in sys.argv[1:]) or SIZES)
