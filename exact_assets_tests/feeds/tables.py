"""Small tables of each feed."""

from dataclasses import replace

import pyarrow as pa

from exact_assets.catalogue.table import Column, Feed, Parent, Table, YearKind

INSTANT = pa.timestamp("us", tz="UTC")
_TYPES = {
    "ID": ("id", "Edm.Guid", pa.string()),
    "EntryID": ("entry_id", "Edm.Guid", pa.string()),
    "Timestamp": ("timestamp", "Edm.Int64", pa.int64()),
    "Modified": ("modified", "Edm.DateTime", INSTANT),
    "Created": ("created", "Edm.DateTime", INSTANT),
    "InvoiceDate": ("invoice_date", "Edm.DateTime", pa.timestamp("us")),
    "FinancialYear": ("financial_year", "Edm.Int16", pa.int16()),
    "Amount": ("amount", "Edm.Int32", pa.int32()),
}


def columns(*properties: str) -> tuple[Column, ...]:
    """Make columns."""
    return tuple(
        Column(property=name, name=_TYPES[name][0], edm_type=_TYPES[name][1], type=_TYPES[name][2])
        for name in properties
    )


def table(feed: Feed, *properties: str, year: tuple[str, ...] = ()) -> Table:
    """Make a table whose key is its first property."""
    made = columns(*properties)
    return Table(
        name="sales_things",
        group="sales",
        entity="Things",
        endpoint="/api/v1/{division}/sales/Things",
        feed=feed,
        columns=made,
        key=(made[0].name,),
        version={Feed.SYNC: "timestamp", Feed.MODIFIED: "modified"}.get(feed),
        year=year,
        year_kind=YearKind.NONE if not year else YearKind.CREATED if year[0] == "created" else YearKind.BUSINESS,
        page_size=60,
        filterable=frozenset(properties),
        checks_division=False,
    )


SYNC = table(Feed.SYNC, "ID", "Timestamp", "FinancialYear", "Amount", year=("financial_year",))
INVOICES = table(
    Feed.MODIFIED, "ID", "InvoiceDate", "Created", "Modified", "Amount", year=("invoice_date", "created")
)
ACCOUNTS = table(Feed.MODIFIED, "ID", "Created", "Modified", "Amount", year=("created",))
UNITS = table(Feed.SNAPSHOT, "ID", "Amount")
KEYLESS = replace(UNITS, key=())
LINES = replace(
    table(Feed.PARENT, "ID", "EntryID", "Amount"),
    endpoint="/api/v1/{division}/sales/ThingLines",
    filterable=frozenset({"FinancialYear", "Modified"}),
    year_kind=YearKind.BUSINESS,
    parent=Parent(
        endpoint="/api/v1/{division}/sales/Things",
        key="ID",
        navigation="ThingLines",
        foreign_key="EntryID",
        year=("FinancialYear", "Created"),
        columns=columns("ID", "FinancialYear", "Created", "Modified"),
    ),
)
