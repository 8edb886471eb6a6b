"""A checkpoint that is cut anywhere, within a block too, is undone; DuckDB alone calls the file corrupt."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from exact_assets.warehouse.duckdb.checkpoint import HEADER_BYTES, beside, put_aside, repair
from exact_assets.warehouse.duckdb.file import SETTINGS, STORAGE_VERSION

BLOCK_BYTES, PAGE_BYTES = 262_144, 4096
TABLES, COLUMNS = 60, 12
SUMS = " UNION ALL ".join(
    f"SELECT {number}, count(*), sum(key), sum(column_0) FROM table_{number}" for number in range(TABLES)
)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A file's bytes around a checkpoint."""

    before: bytes
    logs: tuple[bytes, bytes]
    """Before, and with what the checkpoint itself wrote to it before it was removed."""
    aside: bytes
    after: bytes
    contents: list[tuple[int, ...]]
    """What the file and its log hold."""

    @property
    def rewritten(self) -> list[int]:
        """Blocks that were in the file before, and are other ones after."""
        last = min(len(self.before), len(self.after)) // BLOCK_BYTES
        return [block for block in range(last) if part(self.before, block) != part(self.after, block)]

    def torn(self, path: Path, chance: random.Random) -> None:
        """Leave what a kill leaves: some blocks written, one of them in part, the old header, and the log."""
        content = bytearray(max(self.before, self.after, key=len))
        content[: len(self.before)] = self.before
        written = chance.sample(self.rewritten, chance.randint(1, len(self.rewritten)))
        for number, block in enumerate(written):
            start = HEADER_BYTES + block * BLOCK_BYTES
            size = BLOCK_BYTES if number else PAGE_BYTES * chance.randrange(1, BLOCK_BYTES // PAGE_BYTES)
            content[start : start + size] = self.after[start : start + size]
        path.write_bytes(content)
        log_of(path).write_bytes(chance.choice(self.logs))
        beside(path).write_bytes(self.aside)


def part(content: bytes, block: int) -> bytes:
    start = HEADER_BYTES + block * BLOCK_BYTES
    return content[start : start + BLOCK_BYTES]


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


@contextmanager
def opened(path: Path) -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(":memory:", config=SETTINGS) as connection:
        # A new file is made as the product makes it; of one that is there this changes nothing.
        version = f"(STORAGE_VERSION '{STORAGE_VERSION}')"
        connection.execute(f"ATTACH '{path}' AS warehouse {version}; USE warehouse")
        yield connection
        connection.execute("USE memory; DETACH warehouse")


def change(connection: DuckDBPyConnection, chance: random.Random) -> None:
    """Change some tables, and now and then which tables there are."""
    for number in chance.sample(range(TABLES), 5):
        first = chance.randrange(10**9)
        connection.execute(
            f"INSERT OR REPLACE INTO table_{number}"
            f" SELECT {first} + n, {', '.join(f'hash(n + {first + i}) % 10_000' for i in range(COLUMNS))}"
            f" FROM range({chance.choice([1, 50, 3000])}) AS rows(n)"
        )
        connection.execute(f"DELETE FROM table_{number} WHERE column_0 % 7 = {chance.randrange(7)}")
        connection.execute(f"UPDATE table_{number} SET column_0 = column_0 + 1 WHERE key % 3 = 0")
    connection.execute(f"CREATE OR REPLACE VIEW a_view AS SELECT {chance.randrange(100)}")


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> list[Cut]:
    """Checkpoints of one file as it grows."""
    path, chance, found = tmp_path_factory.mktemp("checkpoints") / "warehouse.duckdb", random.Random(12288), []
    with opened(path) as connection:
        for number in range(TABLES):
            columns = ", ".join(f"column_{i} BIGINT" for i in range(COLUMNS))
            connection.execute(f"CREATE TABLE table_{number} (key BIGINT PRIMARY KEY, {columns})")
    for _ in range(12):
        with path.open("rb") as file, opened(path) as connection:
            change(connection, chance)
            contents = sorted(connection.execute(SUMS).fetchall())
            before, log = path.read_bytes(), log_of(path).read_bytes()
            kept = path.with_name("kept")
            kept.hardlink_to(log_of(path))
            put_aside(connection, "warehouse", file=file, path=path)
            connection.execute("CHECKPOINT warehouse")
            logs, aside = (log, kept.read_bytes()), beside(path).read_bytes()
            kept.unlink()
        found.append(Cut(before=before, logs=logs, aside=aside, after=path.read_bytes(), contents=contents))
    return found


def contents_of(path: Path) -> list[tuple[int, ...]]:
    with opened(path) as connection:
        return sorted(connection.execute(SUMS).fetchall())


@pytest.mark.long
def test_without_what_was_put_aside_a_torn_checkpoint_is_a_corrupt_file(cuts: list[Cut], tmp_path: Path) -> None:
    """The reason for all this; when DuckDB mends it, this fails, and `duckdb_checkpoint` can go."""
    path, chance, refusals = tmp_path / "warehouse.duckdb", random.Random(1), list[str]()
    for cut in cuts[1:]:
        cut.torn(path, chance)
        try:
            contents_of(path)
        except duckdb.Error as error:
            refusals.append(str(error))
    assert any("Corrupt database file" in refusal for refusal in refusals)


@pytest.mark.parametrize("seed", range(5))
def test_a_checkpoint_torn_anywhere_is_undone(cuts: list[Cut], tmp_path: Path, seed: int) -> None:
    path, chance = tmp_path / "warehouse.duckdb", random.Random(seed)
    for cut in cuts[1:]:
        cut.torn(path, chance)
        repair(path)
        assert contents_of(path) == cut.contents
        assert not beside(path).exists()


def test_a_checkpoint_whose_header_was_written_stays(cuts: list[Cut], tmp_path: Path) -> None:
    """Killed before the log was removed, or before what was put aside was."""
    path = tmp_path / "warehouse.duckdb"
    for cut in cuts:
        for log in (cut.logs[1], None):
            path.write_bytes(cut.after)
            beside(path).write_bytes(cut.aside)
            log_of(path).unlink(missing_ok=True)
            if log is not None:
                log_of(path).write_bytes(log)
            repair(path)
            assert path.read_bytes() == cut.after
            assert contents_of(path) == cut.contents


def test_what_a_stranger_holds_is_left_as_it_is(cuts: list[Cut], tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(cuts[-1].before)
    beside(path).write_bytes(cuts[-1].aside)
    mended = "import sys, pathlib; from exact_assets.warehouse.duckdb.checkpoint import repair"
    program = f"{mended}; repair(pathlib.Path({str(path)!r}))"
    with opened(path):
        run([sys.executable, "-c", program], check=True)
        assert beside(path).exists()
    run([sys.executable, "-c", program], check=True)
    assert not beside(path).exists()


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(1000)])
def test_blocks_put_aside_that_cannot_be_read_are_kept_and_are_no_hindrance(
    cuts: list[Cut], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(cuts[-1].before)
    log_of(path).write_bytes(cuts[-1].logs[0])
    beside(path).write_bytes(content)
    repair(path)
    assert contents_of(path) == cuts[-1].contents
    assert path.with_name("warehouse.duckdb.checkpoint.unreadable").read_bytes() == content


def test_a_process_that_ends_while_it_holds_the_file_makes_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    program = f"""
from contextlib import ExitStack
from pathlib import Path
from exact_assets.warehouse.duckdb.file import DuckDBFile
from exact_assets.warehouse.patience import Patience
stack = ExitStack()
file = DuckDBFile(Path({str(path)!r}), patience=Patience(5))
connection = stack.enter_context(file.connection())
stack.enter_context(file.attached(connection, read_only=False))
connection.execute("CREATE TABLE a_table AS SELECT 1 AS one")
file._engine.close()
"""
    run([sys.executable, "-c", program], check=True)
    assert log_of(path).exists()
    with opened(path) as connection:
        assert connection.execute("SELECT one FROM a_table").fetchall() == [(1,)]
