"""SQL that makes and fills models: pure functions from a dialect and a model to statements."""

import re
from collections.abc import Collection
from datetime import datetime

from exact_assets.catalogue.table import Table
from exact_assets.models.model import Model
from exact_assets.warehouse.sql import ddl
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, MODELS_SCHEMA, one_of
from exact_assets.warehouse.sql.types import SqlType

BUILT_AT = "_built_at"
"""Column of each model: when the row was written."""
_VERSION = re.compile(r"\(version ([0-9a-f]+)\)$")


def create_model(dialect: Dialect, model: Model) -> list[str]:
    """Make the table of a model anew, with comments; the last of them has the version."""
    name = dialect.qualified(model.name, schema=MODELS_SCHEMA)
    columns = [f"{DIVISION} {dialect.types[SqlType.INTEGER]} NOT NULL"]
    columns += [f"{dialect.quoted(column.name)} {column.type}" for column in model.columns]
    columns.append(f"{BUILT_AT} {dialect.types[SqlType.INSTANT]} NOT NULL")
    meanings = {
        DIVISION: "the division",
        **{column.name: column.meaning for column in model.columns},
        BUILT_AT: "when the row was written",
    }
    index = dialect.quoted(f"{model.name}_division_index")
    return [
        ddl.create_schema(dialect, MODELS_SCHEMA),
        f"DROP TABLE IF EXISTS {name}",
        f"CREATE TABLE {name} ({', '.join(columns)})",
        *([f"CREATE INDEX {index} ON {name} ({DIVISION})"] if dialect.indexes is not None else []),
        *(
            ddl.comment_on(dialect, "COLUMN", f"{name}.{dialect.quoted(column)}", meaning)
            for column, meaning in meanings.items()
        ),
        ddl.comment_on(dialect, "TABLE", name, f"{model.description} (version {model.version})"),
    ]


def version_of(comment: str | None) -> str | None:
    """Return the version of which a table was made, as its comment says; None: it says nothing of it."""
    found = _VERSION.search(comment or "")
    return found[1] if found else None


def delete_divisions(dialect: Dialect, name: str, divisions: Collection[int]) -> str:
    """Delete the rows of divisions."""
    table = dialect.qualified(name, schema=MODELS_SCHEMA)
    return dialect.delete.format(table=table, alias="t", condition=f"t.{DIVISION} IN {one_of(divisions)}")


def insert_model(dialect: Dialect, model: Model, statement: str, *, at: datetime) -> str:
    """Insert what a statement gives, each column as the type that it has in the model."""
    names = [column.name for column in model.columns]
    values = ", ".join(f"CAST(m.{dialect.quoted(column.name)} AS {column.type})" for column in model.columns)
    return (
        f"INSERT INTO {dialect.qualified(model.name, schema=MODELS_SCHEMA)} "
        f"({dialect.listed((DIVISION, *names, BUILT_AT))}) "
        f"SELECT m.{DIVISION}, {values}, {dialect.moment(at)} FROM ({statement}) AS m"
    )


def live_relation(dialect: Dialect, name: str, divisions: Collection[int]) -> str:
    """Return the rows of divisions that Exact still has, as a relation."""
    of_these = f"{DELETED_AT} IS NULL AND {DIVISION} IN {one_of(divisions)}"
    return f"(SELECT * FROM {dialect.qualified(name)} WHERE {of_these})"


def empty_relation(dialect: Dialect, table: Table) -> str:
    """Return no rows, with the columns of a table that is not kept."""
    columns = ", ".join(
        f"CAST(NULL AS {column.type}) AS {dialect.quoted(column.name)}"
        for column in ddl.dialect_columns(dialect, table)
    )
    return f"(SELECT {columns} WHERE 1 = 0)"
