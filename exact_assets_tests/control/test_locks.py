"""Locks between processes, and what is left of them when a process is killed."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from exact_assets.control.database import database_at
from exact_assets.errors import ControlError
from exact_assets_tests.control.processes import next_line, output_of, start

HOLD = """
import sys, time
from exact_assets.control.database import database_at
with database_at(sys.argv[1]).locks.hold(sys.argv[2], wait=True):
    print("held", flush=True)
    time.sleep(60)
"""
COUNT = """
import asyncio, sys
from pathlib import Path
from exact_assets.control.database import database_at

async def main():
    locks, counter = database_at(sys.argv[1]).locks, Path(sys.argv[2])
    for _ in range(30):
        async with locks.hold_async("slot"):
            number = int(counter.read_text())
            await asyncio.sleep(0.001)
            counter.write_text(str(number + 1))

asyncio.run(main())
"""


def test_a_lock_that_another_process_holds_is_not_given(control_url: str) -> None:
    holder = start(HOLD, control_url, "stream a/b")
    assert next_line(holder) == "held"
    with (
        database_at(control_url).locks.hold("stream a/b", wait=False) as held,
        database_at(control_url).locks.hold("other", wait=False) as other,
    ):
        assert (held, other) == (False, True)
    holder.kill()
    holder.communicate()


def test_a_killed_process_lets_go(control_url: str) -> None:
    holder = start(HOLD, control_url, "stream")
    assert next_line(holder) == "held"
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with database_at(control_url).locks.hold("stream", wait=False) as held:
        assert held


def test_waiting_has_a_bound(control_url: str) -> None:
    locks = database_at(control_url).locks
    with (
        locks.hold("stream", wait=True),
        pytest.raises(ControlError, match="stream"),
        locks.hold("stream", wait=True, timeout_seconds=0.05),
    ):
        raise AssertionError


def test_processes_take_turns(control_url: str, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    for process in [start(COUNT, control_url, str(counter)) for _ in range(3)]:
        output_of(process)
    assert counter.read_text() == "90"


def test_tasks_of_one_process_take_turns_too(control_url: str) -> None:
    locks, inside, most = database_at(control_url).locks, [0], [0]

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


def test_hundreds_of_names_can_be_held_side_by_side(control_url: str) -> None:
    locks = database_at(control_url).locks

    async def hold(number: int) -> None:
        async with locks.hold_async(f"slot https://start.exactonline.nl {number}"):
            await asyncio.sleep(0.2)

    async def main() -> None:
        await asyncio.gather(*(hold(number) for number in range(300)))

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 5
