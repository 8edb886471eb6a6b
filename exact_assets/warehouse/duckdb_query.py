"""Runs statements of others in DuckDB and returns their rows. What they mean is not known here."""

import duckdb
from duckdb import DuckDBPyConnection

from exact_assets.warehouse.query import Query, QueryRows

NO_TABLE = "Catalog Error: Table with name"
"""What DuckDB's words begin with where a table is not there; other unknown names raise the same exception."""


def run(connection: DuckDBPyConnection, query: Query) -> QueryRows | None:
    """Run a statement in an attached file; None: one of its tables is not there."""
    for name, rows in query.relations.items():
        connection.register(name, rows)
    try:
        found = connection.execute(query.statement)
    except duckdb.CatalogException as error:
        if str(error).startswith(NO_TABLE):
            return None
        raise
    else:
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    finally:
        for name in query.relations:
            connection.unregister(name)
