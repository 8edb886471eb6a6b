"""One page of rows as it came from Exact, decoded to typed columns."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpanded:
    """A parent whose lines came deferred, or only in part."""

    key: str
    link: str | None
    """Where (the rest of) its lines are, verbatim; `ExactClient.pages` takes it. None: ask by foreign key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The rows of one answer."""

    rows: pa.Table
    """Columns as in the schema asked for, under Exact's property names."""
    next_link: str | None
    """The next page, verbatim; None: this was the last."""
    server_time: datetime
    """The answer's Date header (aware, UTC)."""
    unknown: frozenset[str] = frozenset()
    """Properties that came without being asked for."""
    expanded: pa.Table | None = None
    """The rows of the expanded collection, with `parent_key` as their first column, where one was asked for."""
    unexpanded: tuple[Unexpanded, ...] = ()
    """Parents in `rows` of which `expanded` does not hold all lines."""
    calls: int = 1
    """HTTP calls it took, retries included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expand:
    """A collection to read inside its parents: `$expand` and the nested names in `$select` are up to the caller."""

    navigation: str
    """The collection's property, such as `PurchaseEntryLines`."""
    key: str
    """The parent's key property, which becomes `parent_key`."""
    schema: pa.Schema
    """The lines' properties, as `schema` for the parents."""
