"""Rows made by hand in a warehouse of any engine, stored as loads store them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from exact_assets.catalogue.tables import tables
from exact_assets.cursors import SyncCursor
from exact_assets.models.registry import models
from exact_assets.stream import Step, StreamState, Verb
from exact_assets.warehouse.protocol import Warehouse

DIVISION, OTHER = 100_001, 100_002
KEPT = frozenset(name for model in models().values() for name in model.sources) | {
    "financial_aging_receivables_list",
    "financial_aging_payables_list",
}
"""All that models read, and what their checks compare them with."""

LOADED = (KEPT - {"hrm_divisions"}) | {"financial_exchange_rates"}
"""What the books of a firm are loaded with; one list of divisions is enough."""


def guid(number: int) -> str:
    """Return the same GUID for the same number."""
    return str(UUID(int=number))


def fill(warehouse: Warehouse, name: str, *rows: Mapping[str, Any], division: int = DIVISION) -> None:
    """Store rows of a table: what is not given is null, and a key that is none gets a number."""
    table = tables()[name]
    warehouse.prepare([table])
    values = [_whole(name, number, row, division=division) for number, row in enumerate(rows, 1)]
    seq = warehouse.states(table, [division])[division].load_seq
    step = Step(
        verb=Verb.UPSERT,
        rows=pa.Table.from_pylist(values, schema=table.arrow_schema),
        state=StreamState(cursor=SyncCursor(timestamp=1)),
    )
    warehouse.store(table, division, step, expected_seq=seq)


def _whole(name: str, number: int, row: Mapping[str, Any], *, division: int) -> Mapping[str, Any]:
    table = tables()[name]
    fields = {field.name: field.type for field in table.arrow_schema}
    keys = dict(_keys(table.key, fields, number))
    unknown = row.keys() - fields.keys()
    assert not unknown, f"{name} has no {unknown}"
    return {**dict.fromkeys(fields), **keys, **row, "division": division}


def _keys(key: tuple[str, ...], fields: Mapping[str, pa.DataType], number: int) -> Iterator[tuple[str, Any]]:
    for name in key:
        yield name, guid(number) if pa.types.is_string(fields[name]) else number


def amount(text: str) -> Decimal:
    """Return an amount."""
    return Decimal(text)


def day(text: str) -> datetime:
    """Return a day as Exact has it: without a time."""
    return datetime.fromisoformat(text)
