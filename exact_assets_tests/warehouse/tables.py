"""Tables of every kind that the warehouse knows, made by hand, and rows and steps for them."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import pyarrow as pa

from exact_assets.catalogue.table import Column, Feed, Parent, Table, YearKind
from exact_assets.cursors import SyncCursor
from exact_assets.stream import Chain, Step, StreamState, Verb

DIVISION = 123456

GUID = ("Edm.Guid", pa.string())
STRING = ("Edm.String", pa.string())
INT16 = ("Edm.Int16", pa.int16())
INT32 = ("Edm.Int32", pa.int32())
INT64 = ("Edm.Int64", pa.int64())
BOOLEAN = ("Edm.Boolean", pa.bool_())
DOUBLE = ("Edm.Double", pa.decimal128(38, 10))
DATE = ("Edm.DateTime", pa.timestamp("us"))
INSTANT = ("Edm.DateTime", pa.timestamp("us", tz="UTC"))

Properties = Mapping[str, tuple[str, tuple[str, pa.DataType]]]
"""Exact's name, Edm type and Arrow type by column name."""


def table(
    name: str, properties: Properties, *, key: tuple[str, ...] = ("id",), version: str | None = None, **more: Any
) -> Table:
    """Make a table."""
    return Table(
        name=name,
        group="crm",
        entity="Accounts",
        endpoint="/api/v1/{division}/sync/CRM/Accounts",
        feed=Feed.SYNC,
        columns=tuple(
            Column(property=exact, name=column, edm_type=edm, type=arrow)
            for column, (exact, (edm, arrow)) in properties.items()
        ),
        key=key,
        version=version,
        year=(),
        year_kind=YearKind.BUSINESS,
        page_size=1000,
        filterable=frozenset(),
        **more,
    )


VALUE = {"value": ("Value", STRING), "amount": ("Amount", DOUBLE)}
SYNC = table(
    "crm_accounts",
    {"id": ("ID", GUID), "timestamp": ("Timestamp", INT64), "division": ("Division", INT32), **VALUE},
    version="timestamp",
)
MODIFIED = table(
    "crm_opportunities", {"id": ("ID", GUID), "modified": ("Modified", INSTANT), **VALUE}, version="modified"
)
SNAPSHOT = table("vat_vat_codes", {"id": ("ID", INT32), **VALUE})
BY_CODE = table("mailbox_codes", {"id": ("Code", STRING), **VALUE})
COMPOSITE = table(
    "openingbalance", {"id": ("GLAccount", GUID), "period": ("Period", INT16), **VALUE}, key=("id", "period")
)
KEYLESS = table("logistics_reasons", {"id": ("Code", STRING), **VALUE}, key=())
LINES = table(
    "purchaseentry_lines",
    {"id": ("ID", GUID), "entry_id": ("EntryID", GUID), **VALUE},
    parent=Parent(
        endpoint="/api/v1/{division}/purchaseentry/PurchaseEntries",
        key="EntryID",
        navigation="PurchaseEntryLines",
        foreign_key="EntryID",
        year=("ReportingYear",),
    ),
)
ALL = (SYNC, MODIFIED, SNAPSHOT, BY_CODE, COMPOSITE, KEYLESS, LINES)


def guid(number: int) -> str:
    """Give the same GUID for the same number."""
    return str(UUID(int=number))


def rows(of: Table, *values: Mapping[str, Any], division: int = DIVISION) -> pa.Table:
    """Make rows; columns that are not given are null."""
    schema = of.arrow_schema
    return pa.Table.from_pylist(
        [{**dict.fromkeys(schema.names), "division": division, **value} for value in values], schema=schema
    )


def step(
    verb: Verb,
    arrived: pa.Table,
    *,
    years: tuple[int, int] | None = None,
    parents: Iterable[str] | None = None,
    cursor: int = 1,
    is_confirmed: bool = True,
) -> Step:
    """Make a step; a STAGE leaves a chain under way, the others end it.

    Confirmed, so that tests of how rows are stored may take most of them away; `test_bound` has the bound.
    """
    return Step(
        verb=verb,
        rows=arrived,
        years=years,
        is_confirmed=is_confirmed,
        parents=None if parents is None else pa.array(list(parents), pa.string()),
        state=StreamState(
            cursor=SyncCursor(timestamp=cursor),
            chain=Chain(reload=True, link="next") if verb is Verb.STAGE else None,
        ),
    )
