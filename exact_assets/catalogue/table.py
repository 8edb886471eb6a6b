"""The value that everything derives from: what a table is.

The rules that make tables are in `choice`, `reading`, `columns` and `years`.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import pyarrow as pa


class Feed(StrEnum):
    """How a table is read, in the order in which the rules try them."""

    SYNC = "sync"
    """`Timestamp gt cursor`, 1,000 a page."""
    MODIFIED = "modified"
    """`Modified ge cursor` after a first load by span of years; bulk (1,000 a page) or single (60)."""
    PARENT = "parent"
    """Lines without Modified, expanded from the headers that changed."""
    SNAPSHOT = "snapshot"
    """Read whole, replaced whole."""
    FUNCTION = "function"
    """A snapshot of a parameter-free `read/…` function."""


class YearKind(StrEnum):
    """What a row's year means, and so what the starting year does."""

    BUSINESS = "business"
    """A financial year or business date: rows before the starting year are left out."""
    CREATED = "created"
    """Master data: all rows are kept; the first year's partition holds all earlier ones."""
    NONE = "none"
    """Undated: partitioned by division alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One property of an endpoint as a column of the warehouse."""

    property: str
    """Exact's name, as in `$select`."""
    name: str
    """Snake case, as in the warehouse."""
    edm_type: str
    """`Edm.Guid` and so on, as Exact names it."""
    type: pa.DataType
    """How it travels from decoding to the warehouse. Guid: string. Int64: int64. Double: decimal128(38, 10).
    DateTime: timestamp('us'), business dates without zone, instants with tz='UTC'."""
    meaning: str = ""
    """What it says, in words; empty: not known."""
    references: str | None = None
    """`crm_accounts.id`: the column of another table that holds the same value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """How the lines of a table are reached through their headers."""

    endpoint: str
    """The headers' endpoint, a URL path with `{division}` in it."""
    key: str
    """The header's key property."""
    navigation: str
    """The property to `$expand`, such as `PurchaseEntryLines`."""
    foreign_key: str
    """The line's property that holds the header's key."""
    year: tuple[str, ...]
    """Header properties that give the year of its lines, first one that is there."""
    columns: tuple[Column, ...] = ()
    """What is read of a header: its key, its year, Modified and Division."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Where the headers of a table's lines are."""

    table: str
    """Name of the headers' table; the table's own, where it holds both and the header is line 0."""
    column: str
    """The line's column that holds the header's key."""
    header_column: str
    """The header's column that it is the same as."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One Exact entity, read through one feed into one warehouse table."""

    name: str
    """`crm_accounts`: service and entity in snake case; the asset key is `exact/crm_accounts`."""
    group: str
    """Exact's service in lower case: `crm`."""
    entity: str
    """Exact's name: `Accounts`."""
    endpoint: str
    """A URL path with `{division}` in it: `/api/v1/{division}/sync/CRM/Accounts`."""
    feed: Feed
    columns: tuple[Column, ...]
    """Exact's columns in the order of the warehouse, the key first."""
    key: tuple[str, ...]
    """Column names that, with the division, identify a row; empty: rows have no identity."""
    version: str | None
    """Column name that tells the newer of two versions of a row: `timestamp`, `modified`, or None."""
    year: tuple[str, ...]
    """Column names that give a row's year: the first that is not null counts. PARENT: empty, the header says it."""
    year_kind: YearKind
    page_size: int
    filterable: frozenset[str]
    """Properties that `$filter` takes, of the endpoint that is asked: for PARENT the headers'."""
    parent: Parent | None = None
    header: Header | None = None
    """Of lines: where their headers are."""
    entity_types: frozenset[int] = frozenset()
    """Under which types Exact's deletion log names its rows; empty: the log does not cover it."""
    checks_division: bool = True
    """Whether each row's own Division must be the one asked for."""
    is_default: bool = False
    frequency_minutes: int = 360
    description: str = ""

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Schema of the rows in a step: `division`, Exact's columns by warehouse name, `_year` (null: undated).

        The warehouse itself adds `_loaded_at` and `deleted_at`.
        """
        own = [pa.field(column.name, column.type) for column in self.columns if column.name != "division"]
        return pa.schema([pa.field("division", pa.int32()), *own, pa.field("_year", pa.int16())])

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Columns of the warehouse's primary key; empty where rows have no identity."""
        return ("division", *self.key) if self.key else ()
