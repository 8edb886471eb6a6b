"""From an endpoint's properties to the columns of a table: names and types."""

from collections import Counter

import pyarrow as pa

from exact_assets.catalogue.facts import Endpoint, Property
from exact_assets.catalogue.names import snake
from exact_assets.catalogue.table import Column

_TYPES = {
    "Edm.Boolean": pa.bool_(),
    "Edm.Byte": pa.int16(),
    "Edm.Double": pa.decimal128(38, 10),
    "Edm.Guid": pa.string(),
    "Edm.Int16": pa.int16(),
    "Edm.Int32": pa.int32(),
    "Edm.Int64": pa.int64(),
    "Edm.String": pa.string(),
}
_WALL_CLOCK = pa.timestamp("us")
_INSTANT = pa.timestamp("us", tz="UTC")

INSTANTS = frozenset(
    {
        "Approved",
        "BackToLeadDevelopment",
        "Created",
        "CreatedDate",
        "DeletedDate",
        "DispatchToSales",
        "LastLogin",
        "LastUpdated",
        "Modified",
        "ModifiedDate",
        "NotesModified",
        "PaymentSelected",
        "ReceivableSelected",
        "SenderDateSent",
        "syscreated",
        "sysmodified",
    }
)
"""Properties that tell when something happened on the server; all others are dates of business, without a zone."""

FOREIGN_DIVISION = "exact_division"
"""Column for a `Division` that is a fact of the row: `division` says from which division the row was read."""


def columns_of(endpoint: Endpoint, *, key: tuple[str, ...], is_own_division: bool) -> tuple[Column, ...]:
    """Make the columns: the key first, then Exact's order. Collections, complex values and binaries are none.

    Raises:
        ValueError: two properties would get the same name.
    """
    scalars = [one for one in endpoint.properties if one.is_scalar]
    scalars.sort(key=lambda one: key.index(one.name) if one.name in key else len(key))
    columns = tuple(_column(one, is_own_division=is_own_division) for one in scalars)
    doubles = [name for name, count in Counter(column.name for column in columns).items() if count > 1]
    if doubles:
        raise ValueError(f"{endpoint.path}: more than one property would become column {', '.join(doubles)}")
    return columns


def _column(one: Property, *, is_own_division: bool) -> Column:
    name = FOREIGN_DIVISION if one.name == "Division" and not is_own_division else snake(one.name)
    return Column(property=one.name, name=name, edm_type=one.edm_type, type=_type(one))


def _type(one: Property) -> pa.DataType:
    if one.edm_type == "Edm.DateTime":
        return _INSTANT if one.name in INSTANTS else _WALL_CLOCK
    return _TYPES[one.edm_type]
