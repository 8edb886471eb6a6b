"""Tables made by hand, for tests that need one of a certain kind and not the whole catalogue."""

import pyarrow as pa

from exact_assets.catalogue.table import Column, Feed, Table, YearKind


def table(
    *,
    name: str = "crm_accounts",
    feed: Feed = Feed.SYNC,
    year_kind: YearKind = YearKind.BUSINESS,
    year: tuple[str, ...] = ("date",),
) -> Table:
    """Make a table with a key, a version and a date."""
    columns = (
        Column(property="ID", name="id", edm_type="Edm.Guid", type=pa.string()),
        Column(property="Timestamp", name="timestamp", edm_type="Edm.Int64", type=pa.int64()),
        Column(property="Date", name="date", edm_type="Edm.DateTime", type=pa.timestamp("us")),
    )
    return Table(
        name=name,
        group="crm",
        entity="Accounts",
        endpoint="/api/v1/{division}/sync/CRM/Accounts",
        feed=feed,
        columns=columns,
        key=("id",),
        version="timestamp",
        year=() if year_kind is YearKind.NONE else year,
        year_kind=year_kind,
        page_size=1000,
        filterable=frozenset({"Timestamp"}),
    )
