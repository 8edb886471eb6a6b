"""Who may read what we make: this user alone, whatever the umask, unless the folder or the file says otherwise."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from exact_assets_tests.warehouse.duckdb.plain import query

PROGRAM = """
import os, sys
os.umask(0)
from exact_assets.control.database import open_database
from exact_assets.control.file_locks import FileLocks
from exact_assets.control.secrets import open_cipher
from exact_assets.warehouse.duckdb.file import DuckDBFile
from exact_assets.warehouse.patience import Patience
from pathlib import Path
folder = Path(sys.argv[1])
open_database(f"sqlite:///{folder / 'control.sqlite'}", is_durable=True)
open_cipher(None, folder=folder).encrypt("x")
file = DuckDBFile(folder / "warehouse.duckdb", patience=Patience(5))
with file.connection() as connection, file.attached(connection, read_only=False):
    connection.execute("CREATE TABLE one AS SELECT range AS i FROM range(10)")
    connection.execute("SET memory_limit = '40MB'")
    connection.execute("CREATE TEMP TABLE big AS SELECT repeat('x', 200) || range AS s FROM range(400000)")
    for path in sorted(folder.rglob("*")):
        print(oct(path.stat().st_mode & 0o777), path.relative_to(folder), flush=True)
    os.kill(os.getpid(), 9) if sys.argv[2:] else None
"""


def made_in(folder: Path, *arguments: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), *arguments], capture_output=True, text=True, check=False
    )
    found = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert len(found) > 5, done.stderr
    return {name: int(mode, 8) for mode, name in found}


def test_a_folder_that_we_make_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "more" / "state"
    made_in(folder)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, folder.parent)] == [0o700, 0o700]


@pytest.mark.parametrize(
    ("mode", "of_files"),
    [(0o777, 0o600), (0o755, 0o600), (0o700, 0o600), (0o750, 0o640), (0o770, 0o660), (0o2775, 0o660)],
)
def test_files_are_for_whom_the_folder_says(tmp_path: Path, mode: int, of_files: int) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(mode)
    found = made_in(folder)
    assert {"warehouse.duckdb", "warehouse.duckdb.wal", "warehouse.duckdb.lock"} <= found.keys()
    if not mode & 0o077:
        # Nobody else can reach them.
        return
    for name in ("warehouse.duckdb", "warehouse.duckdb.wal", "warehouse.duckdb.lock"):
        assert found[name] == of_files, name
    assert found["warehouse.duckdb.tmp"] == 0o700
    ours = {name: mode for name, mode in found.items() if name.startswith(("control.sqlite", "secret"))}
    assert set(ours.values()) == {0o600, 0o700}, "tokens are nobody else's"
    assert sorted(one.name for one in folder.iterdir() if one.name.startswith("warehouse")) == [
        "warehouse.duckdb",
        "warehouse.duckdb.lock",
    ]


def test_a_mode_that_the_user_gave_stays_and_holds_for_the_log_too(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o755)
    made_in(folder)
    (folder / "warehouse.duckdb").chmod(0o644)
    query(folder / "warehouse.duckdb", "SELECT * FROM one")
    program = PROGRAM.replace("TABLE one", "OR REPLACE TABLE one")
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False)
    assert "0o644 warehouse.duckdb.wal" in done.stdout, done.stderr
    assert stat.S_IMODE((folder / "warehouse.duckdb").stat().st_mode) == 0o644


def test_a_log_that_a_kill_left_empty_is_no_log(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "warehouse.duckdb.wal").touch()
    made_in(folder, "kill")
    assert (folder / "warehouse.duckdb.wal").stat().st_size > 0
    (folder / "warehouse.duckdb.wal").chmod(0o600)
    assert os.access(folder / "warehouse.duckdb", os.R_OK)
    assert query(folder / "warehouse.duckdb", "SELECT count(*) FROM one") == [(10,)]
    assert not list(folder.glob("*.orphan*"))
