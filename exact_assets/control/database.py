"""The database that processes share, wherever it is: chosen by its URL, and used by transactions.

Its tables stand in `tables`, what each kind of database does its own way in `sqlite` and `postgresql`, and what is
kept in the tables in the modules beside this.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as of_postgresql
from sqlalchemy.dialects import sqlite as of_sqlite

from exact_assets.control import postgresql, sqlite
from exact_assets.control.locks import Locks
from exact_assets.errors import SettingsError
from exact_assets.postgresql_address import SCHEMES

VARIABLE = "EXACT_CONTROL_URL"


class Database(Protocol):
    """Where the tables are, and the locks beside them. `str` gives what can be shown of the place."""

    @property
    def locks(self) -> Locks:
        """The locks that all processes of the installation share."""

    @property
    def key_folder(self) -> Path | None:
        """Where a key file is, or can be made; None: processes of several hosts share the database."""

    @property
    def is_there(self) -> bool:
        """Whether there is one, as far as that can be told without opening it."""

    def engine(self, *, is_durable: bool) -> sa.Engine:
        """Open it, creating what is missing.

        Args:
            is_durable: whether a commit survives a power cut (tokens must; counts of calls need not, and are
                quicker).

        Raises:
            ControlError: it cannot be used, and what to do.
        """

    def obstacle(self) -> str | None:
        """Return why nothing could be written now; None: nothing is known to stand in the way."""

    def reserved(self) -> AbstractContextManager[None]:
        """Hold room for what has to be stored at the end of a block.

        Raises:
            ControlError: there is none.
        """


def database_at(url: str) -> Database:
    """Return the database of a URL; nothing is opened.

    Raises:
        SettingsError: it is none that can be used.
    """
    scheme = url.partition(":")[0].partition("+")[0].lower()
    if scheme == "sqlite":
        return sqlite.SQLiteDatabase(url)
    if scheme in SCHEMES:
        return postgresql.PostgreSQLDatabase(url, variable=VARIABLE)
    raise SettingsError(f"{VARIABLE}: expected sqlite:///path or postgresql://host/database, not {scheme}")


def open_database(url: str, *, is_durable: bool) -> sa.Engine:
    """Open the database of a URL, creating what is missing."""
    return database_at(url).engine(is_durable=is_durable)


@contextmanager
def transaction(engine: sa.Engine, *, division: int | None = None) -> Iterator[sa.Connection]:
    """Keep all other processes from writing for a block, and commit at its end.

    Args:
        engine: of `open_database`.
        division: what is read and written is of this division alone, in tables that are never used without one:
            where the database can, it keeps off only those who are about the same.

    Raises:
        ControlError: the database cannot be used.
    """
    is_file = engine.dialect.name == "sqlite"
    with sqlite.begun(engine) if is_file else postgresql.begun(engine, division=division) as connection:
        yield connection


def insert_into(engine: sa.Engine, table: sa.Table) -> "of_sqlite.Insert | of_postgresql.Insert":
    """Return a statement that inserts, with what the database has for rows that are there already."""
    return of_sqlite.insert(table) if engine.dialect.name == "sqlite" else of_postgresql.insert(table)


def continue_numbers(connection: sa.Connection) -> None:
    """Let numbers that the database gives go on behind those that were inserted; SQLite does so by itself."""
    if connection.dialect.name != "sqlite":
        postgresql.advance_sequences(connection)
