"""Many rows of the ledger's lines, made by DuckDB from their number alone."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from exact_assets.catalogue import tables
from exact_assets.catalogue.table import Column
from exact_assets.stream import Sweep

TABLE = tables()["financialtransaction_transaction_lines"]
YEARS = range(2018, 2026)


def rows_of(division: int, first: int, count: int, *, version: int = 0) -> pa.Table:
    """Make rows of a division, numbered from `first`; a row's Timestamp is its number + 1 + version."""
    columns = {column.name: column for column in TABLE.columns}
    values = [
        f'{_value(name, columns.get(name), division, version, place)} AS "{name}"'
        for place, name in enumerate(TABLE.arrow_schema.names)
    ]
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET timezone = 'UTC'")
        found = connection.sql(f"SELECT {', '.join(values)} FROM range({first}, {first + count}) AS rows(i)")
        return found.to_arrow_table().cast(TABLE.arrow_schema)


def keys_of(division: int, rows: int, *, chunk: int, without: int) -> Iterator[tuple[Sweep, bool]]:
    """Make the steps of a sweep that finds all rows but one of each `without`; and whether they are the last."""
    nothing = pa.table({"id": pa.array([], pa.string())})
    yield Sweep(keys=nothing, begins=True, is_first=True, is_last=False), False
    for first in range(0, rows, chunk):
        is_last = first + chunk >= rows
        with duckdb.connect(":memory:") as connection:
            keys = connection.sql(
                f"SELECT {_guid(division)} AS id FROM range({first}, {min(first + chunk, rows)}) AS rows(i) "
                f"WHERE i % {without} <> 0"
            ).to_arrow_table()
        yield Sweep(keys=keys, is_first=first == 0, is_last=is_last), is_last


def _guid(prefix: int) -> str:
    return f"md5('{prefix}-' || i)::UUID::VARCHAR"


def _value(name: str, column: Column | None, division: int, version: int, place: int) -> str:
    """Write the SQL of a column's value; of texts and references every other column is empty, as in life."""
    own = {
        "id": _guid(division),
        "division": f"{division}::INTEGER",
        "_year": f"({YEARS[0]} + i % {len(YEARS)})::SMALLINT",
        "timestamp": f"(i + 1 + {version})::BIGINT",
    }
    if name in own or column is None:
        return own[name]
    if pa.types.is_string(column.type):
        text = f"md5('{place}-' || (i % 1000))::UUID" if column.edm_type == "Edm.Guid" else "'text ' || (i % 997)"
        return f"({text})::VARCHAR" if place % 2 else "NULL::VARCHAR"
    if pa.types.is_timestamp(column.type):
        return "TIMESTAMP '2020-01-01' + INTERVAL (i % 2000) HOUR"
    if pa.types.is_decimal(column.type):
        return f"((i * {place} % 100000) / 100)::DECIMAL(38, 10)"
    return "(i % 100)"
