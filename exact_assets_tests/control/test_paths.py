"""What stands at the path of the control store or its key: used if it is ours, else refused and left as it is."""

import hashlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from exact_assets.config import ExactConfig
from exact_assets.control.database import open_database, transaction
from exact_assets.control.marks import APPLICATION_ID, SCHEMA_VERSION
from exact_assets.control.open import Control
from exact_assets.control.secrets import KEY_FILE, open_cipher
from exact_assets.control.tables import METADATA
from exact_assets.errors import ControlError
from exact_assets.exact.token import Token
from exact_assets_tests.control.processes import output_of, start
from exact_assets_tests.exact.fakes import token


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def of_duckdb(path: Path) -> None:
    duckdb.connect(str(path)).execute("CREATE TABLE t (x INTEGER)").close()


def of_a_newer_version(path: Path) -> None:
    sql(
        path,
        "CREATE TABLE x (y)",
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {SCHEMA_VERSION + 1}",
    )


def with_a_log(path: Path) -> None:
    """Another application's database, killed before anything of it got from the log into the file."""
    script = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode=WAL'); "
    script += "c.execute('CREATE TABLE runs (x)'); c.commit(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.with_name(f"{path.name}-wal").stat().st_size > 0


OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "is a folder"),
    "a link into nowhere": (lambda path: path.symlink_to("/nowhere/control.sqlite"), "a link to /nowhere"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "a link to"),
    "a link to a device": (lambda path: path.symlink_to("/dev/null"), "is a device"),
    "a pipe": (os.mkfifo, "is a pipe"),
    "a socket": (lambda path: socket.socket(socket.AF_UNIX).bind(str(path)), "is a socket"),
    "a text": (lambda path: path.write_text("dear diary\n" * 100), "another kind"),
    "one byte": (lambda path: path.write_bytes(b"\0"), "another kind"),
    "a DuckDB database": (of_duckdb, "a DuckDB database"),
    "a Parquet file": (lambda path: pq.write_table(pa.table({"x": [1]}), path), "a Parquet file"),
    "another SQLite database": (
        lambda path: sql(path, "CREATE TABLE runs (x)"),
        r"another application \(tables runs",
    ),
    "one with a log": (with_a_log, "another application"),
    "one with a mark": (
        lambda path: sql(path, "PRAGMA application_id = 7", "CREATE TABLE t (x)"),
        "another application",
    ),
    "one with a version": (lambda path: sql(path, "PRAGMA user_version = 7"), "another application"),
    "one with connections of its own": (
        lambda path: sql(path, "CREATE TABLE connections (host)"),
        "another application",
    ),
    "a damaged database": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\1" * 5000), "SQLite database"),
    "a store of a newer version": (of_a_newer_version, "newer version"),
}


def content(folder: Path) -> dict[str, str]:
    """Return all that is in a folder, to the byte; the index of a log is SQLite's own affair."""
    return {
        path.name: hashlib.sha256(
            path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        ).hexdigest()
        + str(path.lstat().st_mode)
        for path in folder.rglob("*")
        if not path.name.endswith("-shm")
    }


@pytest.mark.parametrize(("make", "said"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_store_of_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], object], said: str, config: ExactConfig
) -> None:
    path = tmp_path / "s"
    make(path)
    before = content(tmp_path)
    with pytest.raises(ControlError, match=said) as caught:
        Control.open(config.model_copy(update={"control_url": f"sqlite:///{path}"}))
    assert "EXACT_CONTROL_URL" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert content(tmp_path) == before


def test_a_device_is_refused_and_nothing_is_put_beside_it() -> None:
    with pytest.raises(ControlError, match="/dev/null is a device"):
        open_database("sqlite:////dev/null", is_durable=True)
    assert Path("/dev/null").is_char_device()
    assert not Path("/dev/null.locks").exists()


@pytest.mark.parametrize("below", ["control.sqlite", "deep/control.sqlite"])
def test_a_path_below_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ControlError, match="EXACT_CONTROL_URL"):
        open_database(f"sqlite:///{tmp_path}/file/{below}", is_durable=True)
    assert (tmp_path / "file").read_text() == "x"


def tables_of(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


@pytest.mark.parametrize(
    "make", [Path.touch, lambda path: sql(path, "PRAGMA journal_mode = WAL")], ids=["file", "database"]
)
def test_an_empty_file_becomes_a_store(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """A process that was killed before its tables were made left such a one."""
    make(tmp_path / "c.sqlite")
    open_database(f"sqlite:///{tmp_path}/c.sqlite", is_durable=True)
    assert tables_of(tmp_path / "c.sqlite") >= {"connections", "quotas"}


def marks_of(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as connection:
        return tuple(
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )


def test_a_store_without_a_mark_is_ours_by_its_tables_and_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    import sqlalchemy as sa

    METADATA.create_all(sa.create_engine(f"sqlite:///{path}"))
    sql(path, "DROP TABLE listed_divisions", "INSERT INTO clocks VALUES ('s', 1.5)")
    assert marks_of(path) == (0, 0)
    engine = open_database(f"sqlite:///{path}", is_durable=True)
    assert marks_of(path) == (APPLICATION_ID, SCHEMA_VERSION)
    assert "listed_divisions" in tables_of(path)
    with transaction(engine) as connection:
        assert connection.exec_driver_sql("SELECT ahead_seconds FROM clocks").scalar() == 1.5


OPEN = """
import sys
from exact_assets.control.open import Control
from exact_assets.errors import ExactAssetsError
from exact_assets.catalogue.renames import renames
from exact_assets.config import ExactConfig
config = ExactConfig(client_id="c", control_url=sys.argv[1])
renames()  # read before, as by a process that imports the catalogue: nobody may read Python's own library here
try:
    Control.open(config).ledger.quota(7)
    print("good")
except ExactAssetsError as error:
    print(type(error).__name__, error)
"""


def test_a_link_to_a_store_is_followed_and_its_files_stay_beside_the_store(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "here").mkdir()
    real, link = tmp_path / "real" / "store.sqlite", tmp_path / "here" / "c.sqlite"
    assert output_of(start(OPEN, f"sqlite:///{real}")).strip() == "good"
    link.symlink_to(real)
    assert output_of(start(OPEN, f"sqlite:///{link}")).strip() == "good"
    assert [path.name for path in link.parent.iterdir()] == ["c.sqlite"]
    assert link.is_symlink()
    assert (tmp_path / "real" / "store.sqlite.locks").is_dir()


@pytest.mark.long
def test_processes_that_make_a_store_together_all_use_it(tmp_path: Path) -> None:
    racers = [start(OPEN, f"sqlite:///{tmp_path}/deep/c.sqlite") for _ in range(4)]
    assert [output_of(process).strip() for process in racers] == ["good"] * 4


NOBODY = 65_534
AS_NOBODY = f"import os\nif os.getuid() == 0: os.setuid({NOBODY})\n"


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Return a folder that another user may enter, unlike those of pytest."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.mark.long
@pytest.mark.parametrize("name", ["c.sqlite", KEY_FILE])
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_file_that_may_not_be_read_or_written_is_named(open_to_all: Path, name: str, mode: int) -> None:
    url = f"sqlite:///{open_to_all}/c.sqlite"
    assert output_of(start(OPEN, url)).strip() == "good"
    for path in open_to_all.rglob("*"):
        path.chmod(0o777)
    (open_to_all / name).chmod(mode)
    before = content(open_to_all)
    said = output_of(start(OPEN.replace("try:", f"{AS_NOBODY}try:", 1), url))
    if (name, mode) == (KEY_FILE, 0o444):
        assert said.strip() == "good", "a key need only be read"
    else:
        assert "Permission denied" in said
        assert name in said
        assert content(open_to_all) == before


KEYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "is a folder"),
    "a link into nowhere": (lambda path: path.symlink_to("/nowhere/key"), "a link to /nowhere"),
    "a link to a device without end": (lambda path: path.symlink_to("/dev/zero"), "is a device"),
    "a pipe": (os.mkfifo, "is a pipe"),
    "an empty file": (Path.touch, "holds no key"),
    "rubbish": (lambda path: path.write_bytes(b"\xff" * 100), "holds no key"),
    "a large file": (lambda path: path.write_bytes(b"A" * 10_000_000), "holds no key"),
    "a key and more": (lambda path: path.write_bytes(b"A" * 43 + b"=\n" + b"A" * 43 + b"="), "holds no key"),
}


@pytest.mark.parametrize(("make", "said"), KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("is_in_use", [True, False])
def test_what_is_no_key_file_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], object], said: str, *, is_in_use: bool
) -> None:
    make(tmp_path / KEY_FILE)
    before = content(tmp_path)
    with pytest.raises(ControlError, match=said) as caught:
        open_cipher(None, folder=tmp_path, is_in_use=is_in_use)
    assert KEY_FILE in str(caught.value)
    assert content(tmp_path) == before


def test_a_link_to_a_key_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    hidden = open_cipher(None, folder=tmp_path / "real").encrypt("x")
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "real" / KEY_FILE)
    assert open_cipher(None, folder=tmp_path).decrypt(hidden) == "x"


def keep(control: Control) -> Token:
    control.tokens.keep(token())
    return control.tokens.read().token


def test_a_lost_key_is_said_to_be_and_can_be_put_back(
    control: Control, config: ExactConfig, tmp_path: Path
) -> None:
    keep(control)
    (tmp_path / KEY_FILE).rename(tmp_path / "backup")
    opened = Control.open(config)
    for _ in range(2):
        with pytest.raises(ControlError, match=r"secret\.key, which is gone\. Put it back") as caught:
            opened.tokens.read()
    assert "exact-assets connect" in str(caught.value)
    assert not (tmp_path / KEY_FILE).exists(), "none is made in its place"
    (tmp_path / "backup").rename(tmp_path / KEY_FILE)
    assert Control.open(config).tokens.read().token.access_token == "access-1"


def test_connecting_again_makes_a_new_key_for_one_that_is_lost(
    control: Control, config: ExactConfig, tmp_path: Path
) -> None:
    keep(control)
    (tmp_path / KEY_FILE).unlink()
    assert keep(Control.open(config)).access_token == "access-1"
    assert Control.open(config).tokens.read().token.refresh_token == "refresh-1"


def test_a_key_that_does_not_fit_the_store_is_named(control: Control, config: ExactConfig, tmp_path: Path) -> None:
    keep(control)
    other = config.model_copy(update={"secret_key": SecretStr("another passphrase")})
    with pytest.raises(ControlError, match="another key than that of EXACT_SECRET_KEY"):
        Control.open(other).tokens.read()
    (tmp_path / KEY_FILE).unlink()
    open_cipher(None, folder=tmp_path)
    with pytest.raises(ControlError, match=r"another key than that of .*secret\.key"):
        Control.open(config).tokens.read()
