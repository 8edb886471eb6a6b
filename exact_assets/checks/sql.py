"""SQL that several checks share, as the checks' own in what every warehouse takes. Text only; no I/O."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from exact_assets.catalogue.table import Table
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, listed, qualified, text


def live(table: Table, *, divisions: Collection[int] | None = None) -> str:
    """Return the rows that are there: those found to be gone from Exact are history, where they are kept.

    `divisions`: of these only; None: of all.
    """
    of_some = ""
    if divisions is not None:
        of_some = f" AND {DIVISION} IN ({', '.join(map(str, sorted(divisions))) or 'NULL'})"
    return f"(SELECT * FROM {qualified(table.name)} WHERE {DELETED_AT} IS NULL{of_some})"


def key_columns(table: Table, *, of: str) -> str:
    """Return a table's key as columns that follow others; empty: it has none."""
    return f", {listed(table.key, of=of)}" if table.key else ""


def values(
    names: tuple[str, ...], rows: Iterable[tuple[object, ...]], *, types: Mapping[str, str] | None = None
) -> str:
    """Return facts that are known here as a relation; a column is INTEGER where `types` does not say otherwise."""
    columns = ", ".join(f"cast({name} AS {(types or {}).get(name, 'INTEGER')}) AS {name}" for name in names)
    listed_rows = ", ".join(f"({', '.join(_literal(value) for value in row)})" for row in rows)
    is_empty = not listed_rows
    listed_rows = listed_rows or f"({', '.join(['NULL'] * len(names))})"
    condition = " WHERE FALSE" if is_empty else ""
    return f"(SELECT {columns} FROM (VALUES {listed_rows}) AS v({', '.join(names)}){condition})"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return text(value.astimezone(UTC).isoformat())
    return str(int(str(value)))
