"""The SQLite file: creating and opening it, the rowversion counter, row numbers, settings. No rules about rows."""

import json
import sqlite3
from pathlib import Path
from typing import Any

FIRST_TIMESTAMP = 10_000_000_000
_TABLES = """
CREATE TABLE _settings (value TEXT NOT NULL);
CREATE TABLE _counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE _places (i INTEGER PRIMARY KEY, p INTEGER NOT NULL);
CREATE TABLE _late (ticket INTEGER PRIMARY KEY, relation TEXT, division INTEGER, count INTEGER, timestamp INTEGER,
    prepared_ms INTEGER);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that any thread may use, one at a time; transactions are explicit."""
    connection = sqlite3.connect(
        path, check_same_thread=False, isolation_level=None, cached_statements=1000, timeout=60
    )
    # The file is a play-thing: after a power cut it is made again.
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-32000")
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Set up an empty file, to be filled without a journal: one that is not finished is of no use."""
    connection.execute("PRAGMA page_size=8192")
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA cache_size=-96000")
    connection.executescript(_TABLES)


def finish(connection: sqlite3.Connection, *, divisions: int) -> None:
    """Make a filled file ready for readers beside a writer."""
    _analyse(connection, divisions)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA cache_size=-32000")


def _analyse(connection: sqlite3.Connection, divisions: int) -> None:
    """Tell SQLite how many rows a division has: by itself it takes a division for a narrow choice.

    A full analysis would read every index; this reads the start of each and puts the rows per division right.
    """
    connection.execute("PRAGMA analysis_limit=200")
    connection.execute("ANALYZE")
    rows = connection.execute("SELECT rowid, stat FROM sqlite_stat1 WHERE idx GLOB '[iu]x_*'").fetchall()
    for rowid, stat in rows:
        total, _, *rest = (int(number) for number in stat.split()[:3])
        text = " ".join(str(number) for number in (total, max(1, total // divisions), *rest))
        connection.execute("UPDATE sqlite_stat1 SET stat=? WHERE rowid=?", (text, rowid))


def save_settings(connection: sqlite3.Connection, settings: dict[str, Any]) -> None:
    """Keep what the books were created with."""
    connection.execute("INSERT INTO _settings VALUES (?)", (json.dumps(settings),))


def settings(connection: sqlite3.Connection) -> dict[str, Any] | None:
    """What the books were created with; None: the file holds no complete books."""
    try:
        row = connection.execute("SELECT value FROM _settings").fetchone()
    except sqlite3.OperationalError:
        return None
    loaded: dict[str, Any] | None = json.loads(row[0]) if row else None
    return loaded


def reserve(connection: sqlite3.Connection, name: str, count: int, *, initial: int) -> int:
    """Take `count` numbers from a counter. Returns the first."""
    row = connection.execute("SELECT value FROM _counters WHERE name=?", (name,)).fetchone()
    first: int = row[0] if row else initial
    connection.execute("INSERT OR REPLACE INTO _counters VALUES (?, ?)", (name, first + count))
    return first


def reserve_timestamps(connection: sqlite3.Connection, count: int) -> int:
    """Take rowversions. Each reservation leaves a gap, as other tables of a shared server would."""
    step = count * 2654435761 % 97 + 3
    return reserve(connection, "timestamp", count + step, initial=FIRST_TIMESTAMP) + step // 2
