"""What stands at the path of the warehouse: only what is missing, empty or DuckDB's own is ever written to."""

import os
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from exact_assets.catalogue.table import Table
from exact_assets.errors import WarehouseError
from exact_assets.stream import Step, Verb
from exact_assets.warehouse.duckdb.file import SETTINGS
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.duckdb.plain import query
from exact_assets_tests.warehouse.tables import ALL, DIVISION, SYNC, guid, rows, step


def opened(path: Path) -> Warehouse:
    return open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=2)


def uses(path: Path) -> Iterator[Callable[[], object]]:
    """Each way in which a warehouse comes to open its file."""
    yield lambda: opened(path).prepare(ALL)
    yield lambda: opened(path).list_divisions()
    yield lambda: opened(path).set_enabled([DIVISION], enabled=True)
    yield lambda: opened(path).refresh_divisions(())
    yield lambda: opened(path).store(SYNC, DIVISION, one_row(), expected_seq=0)
    yield lambda: opened(path).states(SYNC, [DIVISION])
    yield lambda: opened(path).query(())
    yield lambda: opened(path).names_holding([DIVISION], names=())
    yield lambda: opened(path).note_purge([DIVISION], has_ended=True)


def one_row() -> Step:
    return step(Verb.UPSERT, rows(SYNC, {"id": guid(1), "timestamp": 1}))


def everything(folder: Path) -> dict[str, object]:
    """What is in a folder: bytes of files, kinds of the rest."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else oct(path.lstat().st_mode)
        for path in folder.rglob("*")
        if path.suffix != ".lock"
    }


def sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (value)")


def parquet(path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"a": [1]}), path)


def text(path: Path) -> None:
    path.write_text("division;name\n1;Acme\n")


def few_bytes(path: Path) -> None:
    path.write_bytes(b"DUCK")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(16_384))


def folder(path: Path) -> None:
    path.mkdir()
    (path / "mine.txt").write_text("mine")


def link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "unmounted" / "warehouse.duckdb")


def folder_link_to_nowhere(path: Path) -> None:
    """Leave a folder on the way that is a link to a disk that is not there."""
    path.parent.joinpath("disk").symlink_to(path.parent / "unmounted")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def link_to_text(path: Path) -> None:
    path.symlink_to(path.with_name("notes.txt"))
    path.with_name("notes.txt").write_text("mine")


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/null")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def newer(path: Path) -> None:
    """Make a file that says that a DuckDB to come has made it: its storage version stands at byte 12."""
    with duckdb.connect(str(path)):
        pass
    content = bytearray(path.read_bytes())
    assert content[:8] == checksum(content[8:4096])
    content[12:20] = (10**6).to_bytes(8, "little")
    content[:8] = checksum(content[8:4096])
    path.write_bytes(content)


def checksum(block: bytearray) -> bytes:
    """Return what DuckDB writes before a block, so that it takes a changed one for its own."""
    total = 5381
    for (word,) in struct.iter_unpack("<Q", block):
        total ^= word * 0xBF58476D1CE4E5B9 % 2**64
    return total.to_bytes(8, "little")


def damaged(path: Path) -> None:
    opened(path).prepare(ALL)
    content = bytearray(path.read_bytes())
    content[12_288:] = bytes(len(content) - 12_288)
    path.write_bytes(content)


OTHERS = [
    sqlite, parquet, text, few_bytes, zeros, folder, link_to_nowhere, link_to_itself, link_to_text, link_to_device,
    pipe, listening, newer, damaged,
]  # fmt: skip


@pytest.mark.parametrize("make", OTHERS, ids=lambda make: make.__name__)
def test_what_is_not_ours_is_refused_with_a_sentence_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    path = tmp_path / "w.duckdb"
    make(path)
    before = everything(tmp_path)
    for use in uses(path):
        with pytest.raises(WarehouseError, match=r"w\.duckdb|notes\.txt|/dev/null") as caught:
            use()
        assert "left as it is" in str(caught.value) or "Bring the file" in str(caught.value), caught.value
        assert everything(tmp_path) == before


def test_nothing_is_made_behind_a_folder_that_is_a_link_to_nowhere(tmp_path: Path) -> None:
    folder_link_to_nowhere(tmp_path / "w.duckdb")
    for use in uses(tmp_path / "disk" / "deeper" / "w.duckdb"):
        with pytest.raises(WarehouseError, match="disk is a link to"):
            use()
    assert not (tmp_path / "unmounted").exists()


def test_a_device_is_not_replaced() -> None:
    """As root, a fresh file was once renamed over /dev/null."""
    before = Path("/dev/null").stat()
    for use in uses(Path("/dev/null")):
        with pytest.raises(WarehouseError, match="/dev/null is a device, not a DuckDB file"):
            use()
    after = Path("/dev/null").stat()
    assert (after.st_ino, after.st_mode, after.st_rdev) == (before.st_ino, before.st_mode, before.st_rdev)


def test_a_file_that_waits_to_become_the_warehouse_but_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb.new").write_text("mine")
    with pytest.raises(WarehouseError, match=r"w\.duckdb\.new is no DuckDB file"):
        opened(tmp_path / "w.duckdb").prepare(ALL)
    assert (tmp_path / "w.duckdb.new").read_text() == "mine"


def test_an_empty_file_becomes_a_warehouse(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.touch()
    opened(path).prepare(ALL)
    assert query(path, "SELECT count(*) FROM exact.crm_accounts") == [(0,)]


def test_a_database_that_somebody_else_uses_too_takes_the_tables_beside_its_own(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS value")
    opened(path).prepare(ALL)
    assert query(path, "SELECT value FROM mine") == [(1,)]


@contextmanager
def linked(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Make a link to a file that is yet to be made by a first use, in another folder."""
    (tmp_path / "disk").mkdir()
    path, link = tmp_path / "disk" / "real.duckdb", tmp_path / "warehouse.duckdb"
    opened(path).prepare([SYNC])
    link.symlink_to(path)
    yield path, link


def store(path: Path, table: Table, number: int) -> None:
    warehouse = opened(path)
    warehouse.prepare([table])
    warehouse.store(table, DIVISION, step(Verb.UPSERT, rows(table, {"id": guid(number)})), expected_seq=number)


def test_behind_a_link_all_that_belongs_to_the_file_is_beside_the_file(tmp_path: Path) -> None:
    with linked(tmp_path) as (path, link):
        for number in range(3):
            store(link, SYNC, number)
        assert {one.name for one in tmp_path.iterdir()} == {"disk", "warehouse.duckdb"}
        assert link.is_symlink()
        # A checkpoint was made: no log is left.
        assert {one.name for one in path.parent.iterdir()} == {"real.duckdb", "real.duckdb.lock"}
        assert query(path, "SELECT count(*) FROM exact.crm_accounts") == [(3,)]


def test_through_the_link_and_by_its_own_name_a_file_is_used_in_turn(tmp_path: Path) -> None:
    with linked(tmp_path) as (path, link):
        with duckdb.connect(str(path)), pytest.raises(WarehouseError, match="held elsewhere"):
            store(link, SYNC, 0)
        for number in range(4):
            store((path, link)[number % 2], SYNC, number)
        assert query(link, "SELECT count(*) FROM exact.crm_accounts") == [(4,)]


def test_a_log_of_another_file_is_refused_and_both_are_left_as_they_are(tmp_path: Path) -> None:
    path, other = tmp_path / "w.duckdb", tmp_path / "other.duckdb"
    for one in (path, other):
        opened(one).prepare([SYNC])
    with duckdb.connect(":memory:", config=SETTINGS) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute(f"ATTACH '{other}' AS it; CREATE TABLE it.mine AS SELECT 1 AS value")
    other.with_name("other.duckdb.wal").rename(path.with_name("w.duckdb.wal"))
    before = everything(tmp_path)
    for use in uses(path):
        with pytest.raises(WarehouseError, match=r"w\.duckdb\.wal, which is damaged or another file's"):
            use()
        assert everything(tmp_path) == before


def test_a_log_whose_file_is_gone_is_kept_and_so_is_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    for content in (b"one", b"two"):
        path.unlink(missing_ok=True)
        path.with_name("w.duckdb.wal").write_bytes(content)
        opened(path).prepare([SYNC])
    assert (tmp_path / "w.duckdb.wal.orphan").read_bytes() == b"one"
    assert (tmp_path / "w.duckdb.wal.orphan-2").read_bytes() == b"two"


def test_a_folder_that_may_not_be_made_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("mine")
    with pytest.raises(WarehouseError, match=r"a_file/w\.duckdb"):
        opened(tmp_path / "a_file" / "w.duckdb").prepare([SYNC])


@pytest.mark.parametrize(
    ("content", "lost"),
    [
        (lambda _: b"garbage" * 20, 140),
        (lambda log: log + b"garbage", 7),
        (lambda log: log + bytes(100), 100),
        (lambda log: log[:-5], None),
        (lambda log: log, 0),
    ],
)
def test_what_duckdb_leaves_out_of_a_log_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: Callable[[bytes], bytes], lost: int | None
) -> None:
    """It is dropped without a word."""
    path = tmp_path / "w.duckdb"
    opened(path).prepare([SYNC])
    with duckdb.connect(":memory:", config=SETTINGS) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute(f"ATTACH '{path}' AS it; CREATE TABLE it.mine AS SELECT range AS i FROM range(3000)")
    log = path.with_name("w.duckdb.wal")
    log.write_bytes(content(log.read_bytes()))
    size = log.stat().st_size
    opened(path).prepare(ALL)
    told = [one.getMessage() for one in caplog.records if "no entry of DuckDB's log" in one.getMessage()]
    if lost == 0:
        assert told == []
    elif lost is None:
        assert f" of {size:,} bytes" in told[0]
    else:
        assert f": {lost:,} of {size:,} bytes" in told[0]


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_what_a_checkpoint_put_aside_and_cannot_be_read_is_told_in_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "w.duckdb"
    opened(path).prepare([SYNC])
    path.with_name("w.duckdb.checkpoint").write_bytes(content)
    opened(path).prepare(ALL)
    assert "w.duckdb.checkpoint holds no blocks of a checkpoint" in caplog.text


def test_a_folder_where_a_file_should_be_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    opened(path).prepare([SYNC])
    path.with_name("w.duckdb.checkpoint").mkdir()
    with pytest.raises(WarehouseError, match=r"cannot be used: Is a directory .*Check this user's rights"):
        opened(path).prepare(ALL)
