"""One page of rows as it came from Exact, decoded to typed columns."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpanded:
    """A parent whose lines came deferred, or only in part."""

    key: str
    link: str | None
    """Where (the rest of) its lines are, verbatim; `ExactClient.pages` takes it. None: ask by foreign key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What the body of one answer holds."""

    rows: pa.Table
    """Columns as in the schema asked for, under Exact's property names."""
    next_link: str | None
    """The next page, verbatim; None: this was the last."""
    unknown: frozenset[str] = frozenset()
    """Properties that came without being asked for."""
    expanded: pa.Table | None = None
    """The rows of the expanded collection, with `parent_key` as their first column, where one was asked for."""
    unexpanded: tuple[Unexpanded, ...] = ()
    """Parents in `rows` of which `expanded` does not hold all lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Decoded):
    """The rows of one answer, and when it came."""

    server_time: datetime
    """The answer's Date header (aware, UTC)."""
    calls: int = 1
    """HTTP calls it took, retries included."""

    @classmethod
    def of(cls, content: Decoded, *, server_time: datetime, calls: int) -> Self:
        """Return the page of an answer that holds this."""
        held = {one.name: getattr(content, one.name) for one in fields(Decoded)}
        return cls(**held, server_time=server_time, calls=calls)
