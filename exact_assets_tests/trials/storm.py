"""Kills real loads at random moments; afterwards the warehouse must equal the simulator, and no key be doubled.

`make storm` kills 200 processes (`python -m exact_assets_tests.trials.storm KILLS SEED` for others): first loads,
catch-ups, reloads, two at a time now and then, while the simulator inserts, updates and deletes between them. Then
one load is left alone, and all tables are compared. The seed is printed: a failing one can be played again.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import track

from exact_assets.catalogue import select
from exact_assets_tests.comparison import differences, doubled_keys
from exact_assets_tests.installation import YEARS_BACK, Installation, installation

TABLES = (
    "financialtransaction_transaction_lines,crm_accounts,logistics_items,crm_opportunities,"
    "purchaseentry_purchase_entries,purchaseentry_purchase_entry_lines,vat_vat_codes,salesentry_sales_entries"
)
LONGEST_SECONDS = 4.0


def main(kills: int, seed: int) -> None:
    """Play one storm and report; fails with the first differences."""
    console = Console()
    console.print(f"seed {seed}, {kills} kills")
    chance = random.Random(seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        limits = {"minute_limit": 1_000_000, "day_limit": 1_000_000}
        with installation(Path(folder), divisions=2, rows=20_000, seed=seed, settings=limits) as place:
            done = 0
            progress = iter(track(range(kills), console=console, description="kills"))
            while done < kills:
                _change(place, chance)
                for was_killed in _loads(place, chance):
                    if was_killed and done < kills:
                        done += 1
                        next(progress, None)
            _wait(_start(place, None), None)
            problems, rows = _problems(place)
            calls = len(place.simulator.control.calls())
    if problems:
        console.print("\n".join(problems[:20]))
        raise SystemExit(f"seed {seed}: {len(problems)} rows differ")
    console.print(
        f"{kills} kills in {time.monotonic() - started:.0f} s, {calls} calls: {rows} rows in "
        f"{len(TABLES.split(','))} tables and 2 divisions equal the simulator's, no key is doubled"
    )


def _loads(place: Installation, chance: random.Random) -> list[bool]:
    """Start one load or two, and kill each at a moment of its own; tell for each whether it was killed."""
    reload_id = f"reload-{chance.randrange(10**6)}" if chance.random() < 0.2 else None
    processes = [_start(place, reload_id) for _ in range(2 if chance.random() < 0.2 else 1)]
    return [_wait(process, chance.uniform(0.2, LONGEST_SECONDS)) for process in processes]


def _start(place: Installation, reload_id: str | None) -> subprocess.Popen[bytes]:
    divisions = ",".join(str(division) for division in place.divisions)
    arguments = [sys.executable, "-m", "exact_assets_tests.trials.load", TABLES, divisions]
    return subprocess.Popen(
        [*arguments, reload_id] if reload_id else arguments,
        cwd=place.folder,
        env={**os.environ, **place.environment},
        stderr=subprocess.PIPE,
    )


def _wait(process: subprocess.Popen[bytes], kill_after_seconds: float | None) -> bool:
    """Wait for a load, or kill it when its time has come; one that fails by itself ends the storm."""
    try:
        _, errors = process.communicate(timeout=kill_after_seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    if process.returncode != 0:
        raise SystemExit(f"a load failed by itself: {errors.decode()[-3000:]}")
    return False


def _change(place: Installation, chance: random.Random) -> None:
    """Change the source between loads. Deletions are not part of this trial."""
    control = place.simulator.control
    for division in place.divisions:
        for path in ("crm/Accounts", "financialtransaction/TransactionLines", "purchaseentry/PurchaseEntries"):
            if chance.random() < 0.3:
                verb = chance.choice([control.insert, control.update])
                verb(path, division, count=chance.randrange(1, 5))


def _problems(place: Installation) -> tuple[list[str], int]:
    problems: list[str] = []
    rows = 0
    start_year = datetime.now(UTC).year - YEARS_BACK
    for table in select(TABLES):
        problems += doubled_keys(place.warehouse, table)
        for division in place.divisions:
            truth = place.truth(table, division)
            rows += len(truth)
            problems += differences(place.warehouse, table, division, truth, start_year=start_year)
    return problems, rows


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if sys.argv[1:] else 200,
        int(sys.argv[2]) if sys.argv[2:] else random.SystemRandom().randrange(10**6),
    )
