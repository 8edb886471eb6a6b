"""One page of rows as it came from Exact, decoded to typed columns."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

import pyarrow as pa

from exact_assets.errors import ValueRangeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpanded:
    """A parent whose lines came deferred, or only in part."""

    key: str
    link: str | None
    """Where (the rest of) its lines are, verbatim; `ExactClient.pages` takes it. None: ask by foreign key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfitValue:
    """A value that its column's type cannot hold, or that is missing where a row cannot be kept without."""

    property: str
    row: str
    """Names the row, by its key where that can be read."""
    value: str
    """As it came, cut to what a message can hold."""
    is_set_aside: bool
    """Whether the row is not among those of the page; else the value is null in it."""


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
    unfit: tuple[UnfitValue, ...] = ()
    """Values that did not fit."""
    absent: frozenset[str] = frozenset()
    """Properties that were asked for and came in none of the rows: of those in `expanded`, where that is asked
    for. Empty where there are no rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Decoded):
    """The rows of one answer, and when it came."""

    server_time: datetime
    """The answer's Date header (aware, UTC)."""
    calls: int = 1
    """HTTP calls it took, retries included."""

    def require_fit(self, endpoint: str) -> None:
        """Refuse a page on which a value did not fit: for those who cannot do with null in its place.

        Raises:
            ValueRangeError: one did not.
        """
        for one in self.unfit:
            raise ValueRangeError(
                f"{endpoint}: {one.property} of the row with {one.row} is {one.value!r}, which does not fit. "
                "Correct it in Exact Online, and try again.",
                endpoint=endpoint,
            )

    @property
    def has_set_aside(self) -> bool:
        """Whether a row that came is not among its rows."""
        return any(one.is_set_aside for one in self.unfit)

    @classmethod
    def of(cls, content: Decoded, *, server_time: datetime, calls: int) -> Self:
        """Return the page of an answer that holds this."""
        held = {one.name: getattr(content, one.name) for one in fields(Decoded)}
        return cls(**held, server_time=server_time, calls=calls)
