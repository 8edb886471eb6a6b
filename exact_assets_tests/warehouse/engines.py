"""The engines that the conformance suite runs on: the only module of it that names one.

A place is a warehouse that is yet to be made, with a way to look into it and to change it that is not ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import duckdb

from exact_assets.warehouse.connection import Engine
from exact_assets.warehouse.duckdb.dialect import DIALECT
from exact_assets.warehouse.duckdb.engine import DuckDBEngine
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.sql.types import SqlType
from exact_assets.warehouse.sql_warehouse import SqlWarehouse


class Place(Protocol):
    """Where a warehouse of one engine is, or will be."""

    def engine(self) -> Engine:
        """Return the engine, with a short patience."""

    def open(self, *, is_soft: bool = False) -> Warehouse:
        """Return the warehouse."""

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

    def tables(self) -> dict[str, str | None]:
        """Return the comments of the schema's tables by name."""


MakePlace = Callable[[Path], Place]


@dataclass(frozen=True)
class DuckDBPlace:
    """A file."""

    folder: Path
    has_transactional_ddl: bool = True

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

    def tables(self) -> dict[str, str | None]:
        return dict(self.query("SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'exact'"))


def _without_transactional_ddl(folder: Path) -> Place:
    return DuckDBPlace(folder, has_transactional_ddl=False)


ENGINES: Mapping[str, MakePlace] = {
    "duckdb": DuckDBPlace,
    # As an engine behaves that cannot make tables within a transaction.
    "duckdb-ddl-apart": _without_transactional_ddl,
}
