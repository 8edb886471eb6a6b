"""The engines that the conformance suite runs on: the only module of it that names one.

A place is a warehouse that is yet to be made, with a way to look into it and to change it that is not ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg

from exact_assets.warehouse.connection import Engine
from exact_assets.warehouse.duckdb.dialect import DIALECT
from exact_assets.warehouse.duckdb.engine import DuckDBEngine
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.postgresql.engine import PostgreSQLEngine
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.sql.types import SqlType
from exact_assets.warehouse.sql_warehouse import SqlWarehouse
from exact_assets_tests import postgresql


class Place(Protocol):
    """Where a warehouse of one engine is, or will be."""

    def engine(self) -> Engine:
        """Return the engine, with a short patience."""

    def open(self, *, is_soft: bool = False) -> Warehouse:
        """Return the warehouse."""

    @property
    def nul(self) -> str:
        """What stands for the character NUL."""

    def microseconds(self, column: str) -> str:
        """Return SQL for the microseconds of an instant since 1970."""

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Read with the plain driver."""

    def run(self, statement: str) -> None:
        """Change it with the plain driver, as a user would."""

    def is_made(self) -> bool:
        """Return whether there is anything."""

    def content(self) -> object:
        """Return something that differs once anything was written."""

    def primary_keys(self) -> dict[str, tuple[str, ...]]:
        """Return tables of the schema with the columns of their primary keys."""

    def columns(self, table: str) -> list[tuple[str, SqlType, bool, str | None]]:
        """Return name, type, whether it may be null, and comment."""

    def commented_columns(self) -> dict[str, int]:
        """Return how many columns have a comment, by table."""

    def tables(self) -> dict[str, str | None]:
        """Return the comments of the schema's tables by name."""


MakePlace = Callable[[Path], Place]


@dataclass(frozen=True)
class DuckDBPlace:
    """A file."""

    folder: Path
    has_transactional_ddl: bool = True
    nul: str = "\0"

    def microseconds(self, column: str) -> str:
        return f"epoch_us({column})"

    @property
    def path(self) -> Path:
        return self.folder / "state" / "warehouse.duckdb"

    def engine(self) -> Engine:
        dialect = replace(DIALECT, has_transactional_ddl=self.has_transactional_ddl)
        return DuckDBEngine(self.path, patience=Patience(10), dialect=dialect)

    def open(self, *, is_soft: bool = False) -> Warehouse:
        return SqlWarehouse(self.engine(), is_soft=is_soft)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(statement).fetchall()

    def run(self, statement: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(statement)

    def is_made(self) -> bool:
        return self.path.exists()

    def content(self) -> object:
        return self.path.stat().st_mtime_ns, self.path.read_bytes()

    def primary_keys(self) -> dict[str, tuple[str, ...]]:
        found = self.query(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            "WHERE constraint_type = 'PRIMARY KEY' AND schema_name = 'exact'"
        )
        return {table: tuple(names) for table, names in found}

    def columns(self, table: str) -> list[tuple[str, SqlType, bool, str | None]]:
        found = self.query(
            "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() "
            f"WHERE schema_name = 'exact' AND table_name = '{table}' ORDER BY column_index"
        )
        types = {"DECIMAL(38,10)": SqlType.DECIMAL, "DOUBLE": SqlType.DOUBLE}
        return [
            (name, types.get(type_) or SqlType(type_), nullable, comment)
            for name, type_, nullable, comment in found
        ]

    def commented_columns(self) -> dict[str, int]:
        return dict(
            self.query(
                "SELECT table_name, count(comment) FROM duckdb_columns() WHERE schema_name = 'exact' GROUP BY ALL"
            )
        )

    def tables(self) -> dict[str, str | None]:
        return dict(self.query("SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'exact'"))


PG_TYPES = {
    "numeric(38,10)": SqlType.DECIMAL,
    "character varying": SqlType.TEXT,
    "text": SqlType.TEXT,
    "timestamp without time zone": SqlType.TIMESTAMP,
    "double precision": SqlType.DOUBLE,
}


class PostgreSQLPlace:
    """The database of this process, emptied."""

    nul = "\u2400"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = postgresql.lasting_database()
        self.run("DROP SCHEMA IF EXISTS exact, exact_live, exact_bi CASCADE")

    def engine(self) -> Engine:
        return PostgreSQLEngine(self.url, lock_timeout_seconds=10)

    def open(self, *, is_soft: bool = False) -> Warehouse:
        return SqlWarehouse(self.engine(), is_soft=is_soft)

    def microseconds(self, column: str) -> str:
        return f"CAST(extract(epoch FROM {column}) * 1000000 AS bigint)"

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c TimeZone=UTC") as connection:
            return connection.execute(statement.encode()).fetchall()

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode())

    def is_made(self) -> bool:
        return bool(self.query("SELECT 1 FROM pg_namespace WHERE nspname = 'exact'"))

    def content(self) -> object:
        kept = [
            self.query(f'SELECT tableoid, ctid::text, xmin::text FROM exact."{name}"')
            for name in sorted(self.tables())
        ]
        objects = (
            "SELECT oid, xmin::text, relname FROM pg_class WHERE relnamespace = 'exact'::regnamespace ORDER BY oid"
        )
        comments = "SELECT objoid, objsubid, description FROM pg_description WHERE objoid >= 16384 ORDER BY 1, 2"
        return kept, self.query(objects), self.query(comments)

    def primary_keys(self) -> dict[str, tuple[str, ...]]:
        found = self.query(
            "SELECT conrelid::regclass::text, (SELECT array_agg(attname::text ORDER BY place) FROM "
            "unnest(conkey) WITH ORDINALITY AS k(number, place) JOIN pg_attribute ON attrelid = conrelid "
            "AND attnum = number) FROM pg_constraint WHERE contype = 'p' AND connamespace = 'exact'::regnamespace"
        )
        return {table.removeprefix("exact."): tuple(names) for table, names in found}

    def columns(self, table: str) -> list[tuple[str, SqlType, bool, str | None]]:
        found = self.query(
            "SELECT attname::text, format_type(atttypid, atttypmod), NOT attnotnull, "
            "col_description(attrelid, attnum) FROM pg_attribute "
            f"WHERE attrelid = 'exact.\"{table}\"'::regclass AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum"
        )
        return [
            (name, PG_TYPES.get(type_) or SqlType(type_.upper()), nullable, comment)
            for name, type_, nullable, comment in found
        ]

    def commented_columns(self) -> dict[str, int]:
        return dict(
            self.query(
                "SELECT relname::text, count(col_description(attrelid, attnum)) FROM pg_attribute JOIN pg_class "
                "ON attrelid = pg_class.oid WHERE relnamespace = to_regnamespace('exact') GROUP BY relname"
            )
        )

    def tables(self) -> dict[str, str | None]:
        return dict(
            self.query(
                "SELECT relname::text, obj_description(oid, 'pg_class') FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace = to_regnamespace('exact')"
            )
        )


def _without_transactional_ddl(folder: Path) -> Place:
    return DuckDBPlace(folder, has_transactional_ddl=False)


ENGINES: Mapping[str, MakePlace] = {
    "duckdb": DuckDBPlace,
    # As an engine behaves that cannot make tables within a transaction.
    "duckdb-ddl-apart": _without_transactional_ddl,
    "postgresql": PostgreSQLPlace,
}
