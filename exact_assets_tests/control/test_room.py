"""A disk that is full costs no token: nothing is asked for that could not be stored."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from exact_assets.control.open import Control
from exact_assets.control.refresh import LOCK_TIMEOUT_SECONDS, LONGEST_LIFE_SECONDS, store_pair
from exact_assets.control.room import ROOM_BYTES, reserved
from exact_assets.control.sqlite import SQLiteDatabase
from exact_assets.errors import ControlError
from exact_assets.exact.auth import LONGEST_REFRESH_SECONDS
from exact_assets_tests.control.conftest import connect
from exact_assets_tests.control.processes import output_of, start
from exact_assets_tests.control.test_refresh import ask_me
from exact_assets_tests.control.test_refused_refresh import asked, expire
from exact_simulator.process import Simulator

ASK = """
import asyncio, resource, signal, sys
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.errors import ExactAssetsError

async def main():
    control = Control.open(ExactConfig.from_env())
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
    try:
        async with control.client() as client:
            await client.me()
            print("ok")
    except ExactAssetsError as error:
        print(type(error).__name__, error)

asyncio.run(main())
"""
"""No file can grow beyond a size, as on a disk without room; processes that it starts are bound likewise."""


@pytest.mark.long
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("kilobytes", [4, 16, 40, 64, 100, 140, 200, 250])
def test_without_room_no_token_is_asked_for(connected: Control, simulator: Simulator, kilobytes: int) -> None:
    """With 4 or 40 kB, Exact gave a new token, which could not be stored: the connection was lost."""
    expire(connected, simulator)
    said = output_of(start(ASK, str(kilobytes * 1024)))
    assert said.startswith("ControlError")
    assert asked(simulator) == []
    assert asyncio.run(ask_me(connected)) == 100001, "and with room again it goes on"


@pytest.mark.long
@pytest.mark.usefixtures("environment")
def test_with_room_a_token_is_asked_for_and_the_room_is_given_back(
    connected: Control, simulator: Simulator
) -> None:
    expire(connected, simulator)
    assert output_of(start(ASK, str(64 * 2**20))).split() == ["ok"]
    assert asked(simulator) == [200]
    folder = SQLiteDatabase(connected.config.control_url).path.parent
    assert list(folder.glob("*.room-*")) == []


def test_room_is_held_down_to_the_disk_and_given_back(tmp_path: Path) -> None:
    store = tmp_path / "control.sqlite"
    with reserved(store):
        [file] = tmp_path.glob("control.sqlite.room-*")
        assert file.stat().st_blocks * 512 >= ROOM_BYTES
        assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_over_goes_and_what_others_hold_stays(tmp_path: Path) -> None:
    import os

    store = tmp_path / "control.sqlite"
    old, new = (tmp_path / f"control.sqlite.room-{name}" for name in ("old", "new"))
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (1, 1))
    with reserved(store):
        assert not old.exists()
        assert new.exists()


def test_a_folder_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(ControlError, match="no room for a new token"),
        reserved(tmp_path / "gone" / "control.sqlite"),
    ):
        raise AssertionError("nothing is asked")


def test_a_pair_that_cannot_be_stored_just_now_is_stored_when_it_can(connected: Control) -> None:
    """The disk was full at the very moment: the pair is not thrown away while the process lives."""
    token = connected.tokens.read().token
    file = SQLiteDatabase(connected.config.control_url).path
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON connections BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
        asyncio.run(_keep_while(connected, token, end=lambda: other.execute("DROP TRIGGER full")))
    assert connected.tokens.read().token.generation == token.generation + 1


async def _keep_while(control: Control, token: object, *, end: object) -> None:
    from exact_assets.exact.token import Token

    assert isinstance(token, Token)
    assert callable(end)
    keeping = asyncio.create_task(asyncio.to_thread(store_pair, control.tokens, token))
    await asyncio.sleep(1.5)
    assert not keeping.done()
    end()
    await keeping


def test_the_process_that_refreshes_ends_whatever_it_waits_for() -> None:
    """One whose parents were killed held the lock for as long as its answer dripped."""
    hanging = start(
        "from exact_assets.control.refresh import end_after\nend_after(0.2)\nimport time\ntime.sleep(60)"
    )
    assert hanging.wait(timeout=20) == 1
    assert LONGEST_REFRESH_SECONDS < LOCK_TIMEOUT_SECONDS < LONGEST_LIFE_SECONDS, (
        "who waits does not give up before"
    )


def test_the_first_pair_too_is_stored_when_it_can_be(control: Control) -> None:
    """`connect` threw it away where the disk was full at that moment."""
    file = SQLiteDatabase(control.config.control_url).path
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON connections BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
        later = threading.Timer(1.5, other.execute, args=("DROP TRIGGER full",))
        later.start()
        connect(control)
        later.join()
    assert control.tokens.read().token.access_token
