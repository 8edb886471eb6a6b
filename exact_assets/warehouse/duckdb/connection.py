"""A connection to DuckDB: statements, transactions, stages and errors, as `connection.Connection` has them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from exact_assets.errors import SettingsError
from exact_assets.warehouse.connection import Fetched
from exact_assets.warehouse.duckdb.dialect import DIALECT
from exact_assets.warehouse.duckdb.errors import translated
from exact_assets.warehouse.duckdb.file import CATALOGUE, DuckDBFile
from exact_assets.warehouse.duckdb.path import has_content
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.types import SqlType

ARROW = "arriving"
FILE_READERS = {".csv": "read_csv", ".tsv": "read_csv", ".parquet": "read_parquet", ".json": "read_json"}
"""Functions that read files, by the ending of a file's name."""


class DuckDBConnection:
    """Implements `connection.Connection`."""

    def __init__(self, raw: DuckDBPyConnection, file: DuckDBFile, *, dialect: Dialect = DIALECT) -> None:
        self._raw = raw
        self._file = file
        self._subject = str(file.path)
        self.dialect = dialect

    def run(self, statement: str, **values: object) -> None:
        """Run a statement."""
        self._executed(statement, values)

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement that reads."""
        with self._errors():
            return self._raw.execute(statement, values or None).fetchall()

    def named_rows(self, statement: str) -> list[dict[str, Any]]:
        """Run a statement that reads."""
        with self._errors():
            found = self._raw.execute(statement)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def fetched(self, statement: str) -> Fetched:
        """Run a statement; the file is attached for reading only."""
        with self._errors():
            found = self._raw.execute(statement)
            return Fetched(tuple(column[0] for column in found.description or ()), found.fetchall())

    def attach(self, name: str, file: Path) -> None:
        """Attach a database for reading, or make a view of a file."""
        quoted, path = self.dialect.quoted(name), "'" + str(file.resolve()).replace("'", "''") + "'"
        kind = file.suffix.lower()
        if kind in FILE_READERS:
            self.run(f"CREATE OR REPLACE TEMP VIEW {quoted} AS SELECT * FROM {FILE_READERS[kind]}({path})")
        elif name == CATALOGUE:
            raise SettingsError(f"--attach: {name} is what the copy itself is called; give it as NAME={file}.")
        elif has_content(file):
            self.run(f"ATTACH {path} AS {quoted} (READ_ONLY)")
        else:
            raise SettingsError(f"--attach: {file} is empty.")

    def batches(self, statement: str, *, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Run a statement that reads, and fetch as it goes."""
        with self._errors():
            found = self._raw.execute(statement)
            while batch := found.fetchmany(rows):
                yield batch

    def affected(self, statement: str, **values: object) -> int:
        """Run a statement that writes; DuckDB answers with the number of rows."""
        return int(self.rows(statement, **values)[0][0])

    @contextmanager
    def transaction(self, *, divisions: Collection[int] = ()) -> Iterator[None]:  # noqa: ARG002 - the file is held
        """Commit what is done within, or roll it back; whoever holds the file is alone with all divisions."""
        self.run("BEGIN TRANSACTION")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            # Where COMMIT itself fails, DuckDB has rolled back already.
            with suppress(duckdb.Error):
                self._raw.execute("ROLLBACK")
            raise

    def savepoint(self) -> AbstractContextManager[None]:
        """Do nothing: a transaction goes on after a statement that was refused."""
        return nullcontext()

    def defining(self) -> AbstractContextManager[None]:
        """Do nothing: whoever holds the file is alone."""
        return nullcontext()

    def stage(self, name: str, rows: pa.Table, *, types: Mapping[str, SqlType]) -> str:
        """Load rows into a temporary table."""
        quoted = self.dialect.quoted
        columns = ", ".join(
            f"{self.dialect.cast(quoted(column), types[column])} AS {quoted(column)}"
            if column in types
            else quoted(column)
            for column in rows.column_names
        )
        self._raw.register(ARROW, rows)
        try:
            return self.derive(name, f"SELECT {columns} FROM {ARROW}")
        finally:
            # In a transaction that failed, the registration goes with it; asking for that would hide the error.
            with suppress(duckdb.TransactionException):
                self._raw.unregister(ARROW)

    def unstage(self, names: Iterable[str]) -> None:
        """Drop temporary tables, all at once."""
        dropped = "; ".join(f"DROP TABLE IF EXISTS {self.dialect.working(name)}" for name in names)
        if dropped:
            self.run(dropped)

    def derive(self, name: str, select: str, **values: object) -> str:
        """Make a temporary table of a SELECT."""
        self.run(f"CREATE OR REPLACE TEMP TABLE {self.dialect.quoted(name)} AS {select}", **values)
        return self.dialect.working(name)

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Keep this process's DuckDB open meanwhile."""
        with self._file.converting():
            yield

    @contextmanager
    def opened(self, *, is_read_only: bool) -> Iterator[None]:
        """Hold the file, as the connection's default database."""
        with self._file.attached(self._raw, read_only=is_read_only):
            yield

    @contextmanager
    def about(self, subject: str) -> Iterator[None]:
        """Let errors name this instead of the file."""
        before, self._subject = self._subject, subject
        try:
            yield
        finally:
            self._subject = before

    def _executed(self, statement: str, values: Mapping[str, object]) -> None:
        with self._errors():
            self._raw.execute(statement, values or None)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise translated(error, self._subject) from error
