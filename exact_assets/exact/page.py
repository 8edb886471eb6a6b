"""One page of rows as it came from Exact, decoded to typed columns."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa


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
