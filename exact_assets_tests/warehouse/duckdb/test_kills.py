"""Processes killed at random moments leave rows and state that agree, and a file that opens."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.warehouse.duckdb.worker import problems
from exact_assets_tests.warehouse.tables import ALL, SYNC

SECONDS = float(os.environ.get("EXACT_TEST_STORM_SECONDS", "6"))
"""Set it to 600 for a storm of some hundreds of kills."""
ENDLESS = 10**9


def start(path: Path, division: int, steps: int) -> subprocess.Popen[str]:
    """Start a worker and wait until it has imported what it needs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "exact_assets_tests.warehouse.duckdb.worker", str(path), str(division), str(steps)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.communicate()


@pytest.mark.long
def test_kills_leave_rows_and_state_that_agree(path: Path) -> None:
    chance = random.Random(SECONDS)
    warehouse = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=10)
    until, kills = time.monotonic() + SECONDS, 0
    while time.monotonic() < until or kills == 0:
        processes = [start(path, division, ENDLESS) for division in chance.sample([1, 2, 3], chance.choice([1, 2]))]
        time.sleep(chance.uniform(0, 0.4))
        for process in processes:
            kill(process)
            kills += 1
        for division, state in warehouse.states(SYNC, [1, 2, 3]).items():
            if state.load_seq:
                assert problems(path, division, state.load_seq) == [], f"after {kills} kills"
    assert sum(state.load_seq for state in warehouse.states(SYNC, [1, 2, 3]).values()) > 0


@pytest.mark.parametrize("milliseconds", [0, 5, 10, 20, 40, 80])
def test_a_kill_while_the_file_is_made_leaves_one_that_can_be_used(path: Path, milliseconds: int) -> None:
    process = start(path, 1, ENDLESS)
    time.sleep(milliseconds / 1000)
    kill(process)
    warehouse = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=10)
    warehouse.prepare(ALL)
    assert problems(path, 1, warehouse.states(SYNC, [1])[1].load_seq) == []
