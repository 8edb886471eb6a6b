"""Locks between processes, and what is left of them when a process is killed."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from exact_assets.control.file_locks import FileLocks
from exact_assets.errors import ControlError
from exact_assets_tests.control.processes import next_line, output_of, start

HOLD = """
import sys, time
from pathlib import Path
from exact_assets.control.file_locks import FileLocks
with FileLocks(Path(sys.argv[1])).hold(sys.argv[2], wait=True):
    print("held", flush=True)
    time.sleep(60)
"""
COUNT = """
import asyncio, sys
from pathlib import Path
from exact_assets.control.file_locks import FileLocks

async def main():
    locks, counter = FileLocks(Path(sys.argv[1])), Path(sys.argv[2])
    for _ in range(30):
        async with locks.hold_async("slot"):
            number = int(counter.read_text())
            await asyncio.sleep(0.001)
            counter.write_text(str(number + 1))

asyncio.run(main())
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "control.sqlite"


def test_a_lock_that_another_process_holds_is_not_given(database: Path) -> None:
    holder = start(HOLD, str(database), "stream a/b")
    assert next_line(holder) == "held"
    with (
        FileLocks(database).hold("stream a/b", wait=False) as held,
        FileLocks(database).hold("other", wait=False) as other,
    ):
        assert (held, other) == (False, True)
    holder.kill()
    holder.communicate()


def test_a_killed_process_lets_go(database: Path) -> None:
    holder = start(HOLD, str(database), "stream")
    assert next_line(holder) == "held"
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with FileLocks(database).hold("stream", wait=False) as held:
        assert held


def test_waiting_has_a_bound(database: Path) -> None:
    locks = FileLocks(database)
    with (
        locks.hold("stream", wait=True),
        pytest.raises(ControlError, match="stream"),
        locks.hold("stream", wait=True, timeout_seconds=0.05),
    ):
        raise AssertionError


def test_processes_take_turns(database: Path, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    for process in [start(COUNT, str(database), str(counter)) for _ in range(3)]:
        output_of(process)
    assert counter.read_text() == "90"


def test_tasks_of_one_process_take_turns_too(database: Path) -> None:
    locks, inside, most = FileLocks(database), [0], [0]

    async def enter() -> None:
        async with locks.hold_async("slot"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await asyncio.sleep(0.002)
            inside[0] -= 1

    async def main() -> None:
        await asyncio.gather(*(enter() for _ in range(20)))

    asyncio.run(main())
    assert most == [1]


def test_hundreds_of_names_can_be_held_side_by_side(database: Path) -> None:
    locks = FileLocks(database)

    async def hold(number: int) -> None:
        async with locks.hold_async(f"slot https://start.exactonline.nl {number}"):
            await asyncio.sleep(0.2)

    async def main() -> None:
        await asyncio.gather(*(hold(number) for number in range(300)))

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 5
