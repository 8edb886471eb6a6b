"""What can be written to files: the relations of a warehouse with their columns, and their rows piece by piece."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pyarrow as pa

from exact_assets.errors import SettingsError
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.present import column_types, tables_of
from exact_assets.warehouse.sql.names import MODELS_SCHEMA, SCHEMA

READ_ROWS = 20_000
Rows = Sequence[tuple[Any, ...]]
_TYPES = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
}
_DECIMAL = re.compile(r"(?:decimal|numeric)\((\d+), ?(\d+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or a model of the warehouse."""

    name: str
    schema: str
    columns: tuple[tuple[str, pa.DataType], ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        """Its columns; a key of Exact's is a text."""
        return pa.schema(list(self.columns))


def relations(connection: Connection, chosen: str | None) -> list[Relation]:
    """Return what is chosen by names and globs, comma separated; None: all models, or all tables without any.

    Raises:
        SettingsError: a name fits nothing that is there.
    """
    present = {schema: tables_of(connection, schema) for schema in (MODELS_SCHEMA, SCHEMA)}
    there = [
        (schema, name)
        for schema, found in present.items()
        for name in sorted({*found.tables, *found.views})
        if not name.startswith("_")
    ]
    models = [one for one in there if one[0] == MODELS_SCHEMA]
    if chosen is None:
        return [_relation(connection, *one) for one in models or there]
    wanted: dict[tuple[str, str], None] = {}
    for term in (term.strip() for term in chosen.split(",") if term.strip()):
        found = [one for one in there if fnmatchcase(one[1], term)]
        if not found:
            raise SettingsError(f"--select: nothing here is named {term}; there are {_some(there)}")
        wanted |= dict.fromkeys(found)
    return [_relation(connection, *one) for one in wanted]


def size_of(connection: Connection, relation: Relation) -> int:
    """Return how many rows a relation has."""
    name = connection.dialect.qualified(relation.name, schema=relation.schema)
    return int(connection.rows(f"SELECT count(*) FROM {name}")[0][0])


def read_rows(connection: Connection, relation: Relation) -> Iterator[Rows]:
    """Yield a relation's rows by thousands; a key of Exact's as text."""
    name = connection.dialect.qualified(relation.name, schema=relation.schema)
    columns = connection.dialect.listed(column for column, _ in relation.columns)
    is_text = [pa.types.is_string(type_) for _, type_ in relation.columns]
    for batch in connection.batches(f"SELECT {columns} FROM {name}", rows=READ_ROWS):
        yield [
            tuple(
                str(value) if text and value is not None and not isinstance(value, str) else value
                for value, text in zip(row, is_text, strict=True)
            )
            for row in batch
        ]


def _relation(connection: Connection, schema: str, name: str) -> Relation:
    types = column_types(connection, name, schema=schema)
    # In the table's own order, which the engine's list of columns need not have.
    names = connection.fetched(f"SELECT * FROM {connection.dialect.qualified(name, schema=schema)} LIMIT 0").names
    columns = tuple((one, _arrow_type(types.get(one, types.get(one.lower(), "")))) for one in names)
    return Relation(name=name, schema=schema, columns=columns)


def _arrow_type(named: str) -> pa.DataType:
    """Return the Arrow type of an engine's; what is not known is written as text."""
    name = named.lower()
    if decimal := _DECIMAL.fullmatch(name):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return _TYPES.get(name, pa.string())


def _some(there: Sequence[tuple[str, str]]) -> str:
    names = [name for _, name in there]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") if names else "none"
