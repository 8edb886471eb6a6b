"""Tables that keep a stream's rows or keys aside over several steps, until the last have come.

Where an engine cannot make and drop tables within a transaction, they are made before it and emptied in it: such a
table without rows counts as one that is not there.
"""

import re

from exact_assets.catalogue.tables import tables
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.present import has_table
from exact_assets.warehouse.sql.dialect import CUT, Dialect

_NAME = re.compile(r"(_stage|_sweep)_(.+)_(-?\d+)", re.DOTALL)


def stream_of(dialect: Dialect, name: str) -> tuple[str, int] | None:
    """Return the table and the division whose rows or keys a table keeps aside; None: it is another table."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    table, division = found[2], int(found[3])
    if CUT in table:
        whole = (one for one in tables() if dialect.fitted(f"{found[1]}_{one}_{division}") == name)
        table = next(whole, table)
    return table, division


def is_kept(connection: Connection, name: str) -> bool:
    """Return whether something is kept aside under a name."""
    if not has_table(connection, name):
        return False
    if connection.dialect.has_transactional_ddl:
        return True
    return bool(connection.rows(f"SELECT 1 FROM {connection.dialect.qualified(name)} LIMIT 1"))


def make(connection: Connection, name: str, statement: str) -> None:
    """Make the table by a statement, unless it is there."""
    if not has_table(connection, name):
        connection.run(statement)


def clear(connection: Connection, name: str) -> None:
    """Keep nothing any more."""
    if connection.dialect.has_transactional_ddl:
        connection.run(f"DROP TABLE IF EXISTS {connection.dialect.qualified(name)}")
    elif has_table(connection, name):
        connection.run(f"DELETE FROM {connection.dialect.qualified(name)}")
