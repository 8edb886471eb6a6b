"""The store's file, which this process and others open: nothing that looks at it may end the locks on it."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from exact_assets.control.database import open_database, transaction
from exact_assets.control.file_locks import FileLocks
from exact_assets.control.tables import CLOCKS
from exact_assets.errors import ControlError

WRITE = """
import sys
from exact_assets.control.database import open_database, transaction
from exact_assets.control.tables import CLOCKS
import sqlalchemy as sa
engine = open_database(sys.argv[1], is_durable=True)
with transaction(engine) as connection:
    connection.execute(sa.insert(CLOCKS).values(site=sys.argv[2], ahead_seconds=1))
"""
READ = """
import sys
from exact_assets.control.database import open_database, transaction
from exact_assets.control.tables import CLOCKS
import sqlalchemy as sa
with transaction(open_database(sys.argv[1], is_durable=False)) as connection:
    print(",".join(sorted(connection.scalars(sa.select(CLOCKS.c.site)))))
"""


def test_what_processes_that_come_and_go_write_is_seen_and_what_we_write_then_is_kept(tmp_path: Path) -> None:
    """Each look at the file ended SQLite's locks: the next process that ended removed the log that we wrote to."""
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    durable, quick = (open_database(url, is_durable=is_durable) for is_durable in (True, False))
    for number in range(3):
        run_program(WRITE, url, f"theirs-{number}")
        for engine in (durable, quick):
            # What opens the store as every tick does.
            open_database(url, is_durable=False)
            FileLocks(tmp_path / "control.sqlite").forget("nothing")
            with transaction(engine) as connection:
                sites = set(connection.scalars(sa.select(CLOCKS.c.site)))
                assert f"theirs-{number}" in sites
                name = f"ours-{number}-{engine is durable}"
                connection.execute(sa.insert(CLOCKS).values(site=name, ahead_seconds=1))
    expected = {f"theirs-{n}" for n in range(3)} | {
        f"ours-{n}-{is_it}" for n in range(3) for is_it in (True, False)
    }
    assert set(run_program(READ, url).strip().split(",")) == expected


def test_a_store_that_is_replaced_under_a_process_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    url = f"sqlite:///{path}"
    before = open_database(url, is_durable=False)
    path.rename(tmp_path / "aside")
    with pytest.raises(ControlError, match="was moved, removed or replaced"), transaction(before):
        pass
    with transaction(open_database(url, is_durable=False)) as connection:
        assert connection.scalars(sa.select(CLOCKS.c.site)).all() == []
    path.unlink()
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(ControlError, match="a file of another kind"):
        open_database(url, is_durable=False)
    path.unlink()
    (tmp_path / "aside").rename(path)
    with transaction(open_database(url, is_durable=False)):
        pass


def test_no_lock_folder_appears_beside_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with (
        pytest.raises(ControlError, match=r"diary\.txt"),
        FileLocks(tmp_path / "diary.txt").hold("a name", wait=False),
    ):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["diary.txt"]


def run_program(program: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
