"""The values that describe an endpoint. No I/O and no rules about rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["rest", "sync", "bulk", "function", "beta"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of an endpoint's rows."""

    name: str
    edm_type: str
    """`Edm.Guid` and so on; a name outside `Edm.` is a complex type, always null in recorded answers."""
    is_key: bool = False
    is_filterable: bool = False
    """Marked so in the reference. No mark may also mean that the page lacked the column."""
    is_mandatory_on_write: bool = False
    is_inferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """A collection of other rows that `$expand` brings in."""

    name: str
    target: str | None = None
    """Path of the endpoint that holds the rows; None: known by name only, play it as empty."""
    foreign_key: str | None = None
    """Property of the target that holds `own_key`'s value."""
    own_key: str | None = None
    """Property of this endpoint."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint of the API."""

    path: str
    """As in the URL, with `{division}` in it: `/api/v1/{division}/crm/Accounts`."""
    service: str
    """`crm`; all sync endpoints say `sync`, all bulk ones `bulk`."""
    entity: str
    """Last part of the path: `Accounts`."""
    kind: Kind
    methods: tuple[str, ...]
    page_size: int
    """Rows in a page: 60 or 1,000."""
    scope: str | None
    """The app scope that it needs; None: none is named."""
    properties: tuple[Property, ...]
    """Without the navigation properties; the key first."""
    navigations: tuple[Navigation, ...] = ()
    select_mandatory: bool = False
    select_star_unsupported: bool = False
    deprecated: bool = False
    only_filters: tuple[str, ...] | None = None
    """The only properties that `$filter` takes, where Exact lists them; None: no such list."""
    parameters: tuple[Property, ...] = ()
    """Query parameters that a function needs."""
    webhook_topic: str | None = None

    @cached_property
    def key(self) -> tuple[Property, ...]:
        """The key properties in order; empty: rows have no identity."""
        return tuple(item for item in self.properties if item.is_key)

    @cached_property
    def filterable(self) -> frozenset[str]:
        """Names of the properties marked as filterable; empty where the reference has no such column."""
        return frozenset(item.name for item in self.properties if item.is_filterable)

    @cached_property
    def by_name(self) -> dict[str, Property]:
        """Properties by name."""
        return {item.name: item for item in self.properties}

    @cached_property
    def identity(self) -> tuple[str, ...]:
        """Names of the properties that identify a record.

        The key, except for sync endpoints: there the key is the Timestamp of a row version and the record's
        identity is `ID`, `EntryID` or `StockTransactionId`.
        """
        if self.kind == "sync":
            for name in ("ID", "EntryID", "StockTransactionId"):
                if name in self.by_name:
                    return (name,)
        return tuple(item.name for item in self.key)

    @cached_property
    def relation(self) -> str:
        """Name of the table or view in the books that holds its rows.

        The path with underscores: `crm_Accounts`, `sync_CRM_Accounts`. Paths without a division start with
        `root_`.
        """
        parts = self.path.removeprefix("/api/v1/").split("/")
        if "{division}" not in parts:
            parts.insert(0, "root")
        return "_".join(part for part in parts if part != "{division}")
