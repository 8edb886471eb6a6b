"""A connection to PostgreSQL: statements, transactions, stages and errors, as `connection.Connection` has them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from exact_assets.errors import SettingsError, TransactionConflictError, UnknownTableError, WarehouseBusyError
from exact_assets.warehouse.connection import Fetched
from exact_assets.warehouse.postgresql.dialect import DIALECT
from exact_assets.warehouse.postgresql.errors import translated
from exact_assets.warehouse.postgresql.rows import definition, encoded
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.types import SqlType

DEFINING_SECONDS = 2.0
"""As long may a change of a table wait for those who read it: all others wait behind it."""


class AdvisoryLock(IntEnum):
    """What an advisory lock is about; the second half of its key tells which."""

    DIVISION = 0x45584101
    TABLES = 0x45584102


class PostgreSQLConnection:
    """Implements `connection.Connection`."""

    def __init__(
        self, raw: psycopg.Connection[Any], subject: str, *, lock_timeout_seconds: float, dialect: Dialect = DIALECT
    ) -> None:
        self._raw = raw
        self._subject = subject
        self._lock_timeout_seconds = lock_timeout_seconds
        self._is_within = False
        self._is_read_only = False
        self._is_defining = False
        self.temporary: set[str] = set()
        """Names of relations of its own, which may be left."""
        self.dialect = dialect

    def run(self, statement: str, **values: object) -> None:
        """Run a statement."""
        with self._errors():
            self._raw.execute(statement, values or None)

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement that reads."""
        with self._errors():
            return self._raw.execute(statement, values or None).fetchall()

    def named_rows(self, statement: str) -> list[dict[str, Any]]:
        """Run a statement that reads."""
        with self._errors(), self._raw.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement).fetchall()

    def fetched(self, statement: str) -> Fetched:
        """Run one statement in a transaction that only reads; prepared, so that it cannot end that and go on."""
        with self._errors(), psycopg.Cursor(self._raw) as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
            cursor.execute(statement.encode(), prepare=True)
            rows = cursor.fetchall() if cursor.description else []
            return Fetched(tuple(column.name for column in cursor.description or ()), rows)

    def attach(self, name: str, file: Path) -> None:
        """Refuse it: the server reads none of our files."""
        raise SettingsError(
            f"--attach {name}: a warehouse on PostgreSQL reads no files. Load {file.name} into a table there, or "
            "attach both in a DuckDB of your own."
        )

    def batches(self, statement: str, *, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Run a statement that reads, by a cursor of the server's."""
        with self._errors(), self._raw.cursor(name="batches") as cursor:
            cursor.execute(statement)
            while batch := cursor.fetchmany(rows):
                yield batch

    def affected(self, statement: str, **values: object) -> int:
        """Run a statement that writes."""
        with self._errors():
            return self._raw.execute(statement, values or None).rowcount

    @contextmanager
    def transaction(self, *, divisions: Collection[int] = ()) -> Iterator[None]:
        """Commit what is done within, or roll it back.

        Divisions are locked before the transaction sees anything, so that it sees all that was committed of them;
        what it sees stays as it is, and with it the addresses of rows.
        """
        with self._locked((AdvisoryLock.DIVISION, division) for division in sorted(divisions)):
            self.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
            self._is_within = True
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._is_within = False

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Go back to before a statement that was refused; outside of a transaction nothing has to."""
        if not self._is_within:
            yield
            return
        self.run("SAVEPOINT before_this")
        try:
            # Only statements that read are tried while reading; it ends with the savepoint.
            if self._is_read_only:
                self.run("SET LOCAL transaction_read_only = on")
            yield
        except BaseException:
            with suppress(psycopg.Error):
                self._raw.execute("ROLLBACK TO SAVEPOINT before_this")
            raise
        self.run("ROLLBACK TO SAVEPOINT before_this" if self._is_read_only else "RELEASE SAVEPOINT before_this")

    @contextmanager
    def defining(self) -> Iterator[None]:
        """Hold the lock for it; wait a short time only for whoever reads a table, because others wait behind us."""
        with self._locked([(AdvisoryLock.TABLES, 0)]):
            seconds = min(DEFINING_SECONDS, self._lock_timeout_seconds)
            self.run(f"SET lock_timeout = {int(seconds * 1000)}")
            self._is_defining = True
            try:
                yield
            finally:
                self._is_defining = False
                with suppress(psycopg.Error):
                    self._raw.execute(f"SET lock_timeout = {int(self._lock_timeout_seconds * 1000)}")

    def stage(self, name: str, rows: pa.Table, *, types: Mapping[str, SqlType]) -> str:
        """Load rows into a temporary table."""
        dialect, relation = self.dialect, self.dialect.working(name)
        columns = dialect.listed((*rows.column_names, dialect.place))
        self._drop_and(f"CREATE TEMPORARY TABLE {dialect.quoted(name)} ({definition(dialect, rows, types)})", name)
        if rows.num_rows:
            with self._errors(), self._raw.cursor() as cursor:
                copying = f"COPY {relation} ({columns}) FROM STDIN (FORMAT csv)"
                with cursor.copy(copying) as copy:
                    copy.write(encoded(rows, place=dialect.place, subject=self._subject))
        return relation

    def unstage(self, names: Iterable[str]) -> None:
        """Drop temporary tables, all at once."""
        dropped = ", ".join(self.dialect.working(name) for name in names)
        if dropped:
            self.run(f"DROP TABLE IF EXISTS {dropped}")

    def derive(self, name: str, select: str, **values: object) -> str:
        """Make a temporary table of a SELECT."""
        self._drop_and(f"CREATE TEMPORARY TABLE {self.dialect.quoted(name)} AS {select}", name, **values)
        return self.dialect.working(name)

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Do nothing: what is staged waits for nobody."""
        yield

    @contextmanager
    def opened(self, *, is_read_only: bool) -> Iterator[None]:
        """See the warehouse as it is at one moment while reading; while writing, transactions are the caller's."""
        if not is_read_only:
            yield
            return
        self._is_read_only = True
        try:
            with self.transaction():
                yield
        finally:
            self._is_read_only = False

    @contextmanager
    def about(self, subject: str) -> Iterator[None]:
        """Let errors name this instead of the database."""
        before, self._subject = self._subject, subject
        try:
            yield
        finally:
            self._subject = before

    def _drop_and(self, statement: str, name: str, **values: object) -> None:
        self.temporary.add(name)
        self.run(f"DROP TABLE IF EXISTS {self.dialect.working(name)}; {statement}", **values)

    @contextmanager
    def _locked(self, keys: Iterable[tuple[AdvisoryLock, int]]) -> Iterator[None]:
        """Hold advisory locks of the session, which the server lets go of when the session ends."""
        held = []
        try:
            for kind, number in keys:
                self.rows(f"SELECT pg_advisory_lock({kind:d}, {number:d})")
                held.append((kind, number))
            yield
        finally:
            # Where the session is lost, so are its locks.
            with suppress(psycopg.Error):
                for kind, number in held:
                    self._raw.execute(f"SELECT pg_advisory_unlock({kind:d}, {number:d})")

    def _roll_back(self) -> None:
        with suppress(psycopg.Error):
            if self._raw.info.transaction_status != TransactionStatus.IDLE:
                self._raw.execute("ROLLBACK")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            ours = translated(error, self._subject)
            if self._is_defining and isinstance(ours, WarehouseBusyError | UnknownTableError):
                # Somebody reads the table, or has taken away rows that were kept aside: found out again.
                raise TransactionConflictError(str(ours)) from error
            raise ours from error
