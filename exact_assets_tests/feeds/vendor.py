"""A vendor in memory that gives pages as `ExactClient` would: filters, orders, links that go on after a row.

Rows are dicts of Exact's property names; times in them are wall clocks. A link stands for a question and the row
after which it goes on, so that rows may change while a chain is read, as they do at Exact.
"""

import operator as operators
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from exact_assets.errors import RequestRefusedError
from exact_assets.exact.page import Page, Unexpanded
from exact_assets.exact.question import Expand, Question

ZONE = "Europe/Amsterdam"
Row = dict[str, Any]
_TERM = re.compile(r"(\w+) (eq|ne|gt|ge|lt|le) (\S+)")


@dataclass
class Vendor:
    """One division's rows and the vendor's moods."""

    rows: list[Row]
    page_size: int = 3
    order: Callable[[Row], Any] = lambda row: row["ID"]
    """The order of pages without `$orderby`."""
    zone: str = ZONE
    clock: datetime = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
    step: timedelta = timedelta(milliseconds=100)
    """What passes with every call."""
    lines: dict[str, list[Row]] = field(default_factory=dict)
    """Lines by the key of their header."""
    deferred: frozenset[str] = frozenset()
    """Headers whose lines do not come with them."""
    refuses: frozenset[str] = frozenset()
    """Properties that may not be filtered on; `$select` and `no filter` too."""
    between: Callable[["Vendor"], None] = lambda _: None
    """Called before every answer."""
    fail: Callable[["Vendor"], Exception | None] = lambda _: None
    """Called before every answer: what is raised in its stead."""
    calls: list[dict[str, str]] = field(default_factory=list)
    links: dict[str, tuple[dict[str, str], Any]] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.clock

    def wall(self) -> datetime:
        """What the vendor's clock shows."""
        return self.clock.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)

    async def pages(
        self,
        division: int,  # noqa: ARG002 - as ExactClient.pages
        question: Question,
        *,
        link: str | None = None,
    ) -> AsyncIterator[Page]:
        path = question.path
        asked, after = (dict(question.params), None) if link is None else self._at(link)
        while True:
            self.clock += self.step
            self.between(self)
            self.calls.append({"path": path, **asked})
            failure = self.fail(self)
            if failure is not None:
                raise failure
            rows, after = self._page(path, asked, after)
            following = None
            if after is not None:
                following = f"https://vendor.test/{len(self.links)}"
                self.links[following] = asked, after
            yield self._answer(rows, question.schema, following, question.expand)
            if following is None:
                return

    def _at(self, link: str) -> tuple[dict[str, str], Any]:
        if link not in self.links:
            raise RequestRefusedError("Error in query syntax.", status=400)
        return self.links[link]

    def _page(self, path: str, asked: Mapping[str, str], after: Any) -> tuple[list[Row], Any]:
        self._check(asked)
        lines = [row for found in self.lines.values() for row in found]
        found = [row for row in (lines if "Lines" in path else self.rows) if fits(row, asked.get("$filter", ""))]
        by = (lambda row: (row[asked["$orderby"]], row["ID"])) if "$orderby" in asked else self.order
        found = [row for row in sorted(found, key=by) if after is None or by(row) > after]
        page = found[: self.page_size]
        return page, by(page[-1]) if len(found) > len(page) else None

    def _check(self, asked: Mapping[str, str]) -> None:
        used = {name for name, _, _ in _TERM.findall(asked.get("$filter", ""))}
        used |= {"$select"} & asked.keys() | ({"no filter"} if "$filter" not in asked else set())
        if used & self.refuses:
            raise RequestRefusedError("This $filter parameter is not supported for this resource", status=400)

    def _answer(self, rows: list[Row], schema: pa.Schema, link: str | None, expand: Expand | None) -> Page:
        expanded: pa.Table | None = None
        unexpanded: tuple[Unexpanded, ...] = ()
        if expand is not None:
            keys = [row[expand.key] for row in rows]
            found = [(key, line) for key in keys if key not in self.deferred for line in self.lines.get(key, [])]
            expanded = self._table([line for _, line in found], expand.schema)
            expanded = expanded.add_column(0, "parent_key", pa.array([key for key, _ in found], pa.string()))
            unexpanded = tuple(Unexpanded(key=key, link=None) for key in keys if key in self.deferred)
        return Page(
            rows=self._table(rows, schema),
            next_link=link,
            server_time=self.clock,
            expanded=expanded,
            unexpanded=unexpanded,
        )

    def _table(self, rows: list[Row], schema: pa.Schema) -> pa.Table:
        return pa.table(
            [pa.array([self._value(row.get(f.name), f) for row in rows], f.type) for f in schema], schema=schema
        )

    def _value(self, value: Any, of: pa.Field) -> Any:
        is_instant = pa.types.is_timestamp(of.type) and of.type.tz is not None
        return value.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC) if is_instant and value else value


def fits(row: Row, text: str) -> bool:
    """Tell whether a row fits a filter of the forms that feeds write."""
    if not text:
        return True
    return any(
        all(_holds(row, *_TERM.findall(term)[0]) for term in group.split(" and ")) for group in text.split(" or ")
    )


def _holds(row: Row, name: str, operator: str, literal: str) -> bool:
    value, other = row[name], _value_of(literal.rstrip(")"))
    if value is None or other is None:
        return operator == "eq" and value is other
    return bool(getattr(operators, operator)(value, other))


def _value_of(literal: str) -> Any:
    if literal == "null":
        return None
    if literal.startswith("datetime'"):
        return datetime.fromisoformat(literal[9:-1])
    if literal.startswith("guid'"):
        return literal[5:-1]
    return int(literal.removesuffix("L"))
