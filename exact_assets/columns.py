"""Which columns are asked for: all, but for those that Exact refuses to know. Finds out which a refusal means.

Exact's text may name the property, in the user's language; where it does not, one row is asked for without
`$select`, which brings every property that there is.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pyarrow as pa

from exact_assets.catalogue.table import Feed, Table
from exact_assets.errors import RequestRefusedError
from exact_assets.exact.page import Page
from exact_assets.exact.question import Question
from exact_assets.feeds.questions import SELECT
from exact_assets.feeds.request import Source
from exact_assets.feeds.rows import column_names

_log = logging.getLogger(__name__)
BAD_REQUEST = 400
QUOTES = "'\"`\u2018\u2019\u201c\u201d"


class ColumnMemory(Protocol):
    """Where it is kept which properties are left out, for all processes."""

    def read(self) -> Mapping[str, frozenset[str]]:
        """Return what is left out now, by table."""

    def note(self, table: str, properties: Collection[str]) -> None:
        """Leave out properties of a table from now on."""


class Asker(Protocol):
    """The part of `ExactClient` that brings a row as it is."""

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, division: int | None = None) -> Any:
        """Read one small answer as plain values."""


@dataclass(slots=True)
class LeftOut:
    """What is left out of one table's questions, in one run: what one division finds out holds for all."""

    table: Table
    memory: ColumnMemory | None
    properties: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Read what is known."""
        found = {} if self.memory is None else self.memory.read()
        self.properties = found.get(self.table.name, frozenset())

    @property
    def columns(self) -> frozenset[str]:
        """The columns that they would fill."""
        return column_names(self.table, self.properties)

    async def add(self, properties: frozenset[str]) -> None:
        """Leave out more."""
        self.properties |= properties
        if self.memory is not None:
            await asyncio.to_thread(self.memory.note, self.table.name, properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownColumns:
    """Implements `feeds.request.Source`: asks for the columns that Exact knows; the others are null, and absent."""

    source: Source
    asker: Asker
    table: Table
    left_out: LeftOut

    @property
    def zone(self) -> str:
        """As the source's."""
        return self.source.zone

    async def pages(
        self, division: int, question: Question, *, link: str | None = None
    ) -> AsyncGenerator[Page, None]:
        """Read a chain of pages; a link that was stored says by itself what it asks for.

        Raises:
            RequestRefusedError: for another reason, or for a property that cannot be left out.
        """
        while True:
            left_out = frozenset[str]() if link is not None else self.left_out.properties
            began = False
            try:
                async for page in _closing(
                    self.source.pages(division, without_properties(question, left_out), link=link)
                ):
                    began = True
                    yield with_columns(page, question, left_out)
                    # What has been stored goes before the next page comes.
                    del page
            except RequestRefusedError as error:
                if began or link is not None or error.status != BAD_REQUEST:
                    raise
                await self._leave_out(division, question, left_out, error)
            else:
                return

    async def _leave_out(
        self, division: int, question: Question, left_out: frozenset[str], error: RequestRefusedError
    ) -> None:
        """Leave out what a refusal means, or raise it."""
        if self.left_out.properties - left_out:
            # Another division has found out meanwhile.
            return
        selected = frozenset(_schema(question).names) - left_out
        unknown = _named(selected, question, error.reason or "")
        if not unknown and not _is_about_options(error.reason or ""):
            unknown = await self._lacking(division, selected)
        vital = unknown & _vital(question)
        if vital:
            raise RequestRefusedError(
                f"{error} Exact does not know {', '.join(sorted(vital))}, without which the rows cannot be kept as "
                "they are. Look for a newer version of exact-assets; else leave the table out.",
                division=division,
                endpoint=error.endpoint,
                status=error.status,
                reason=error.reason,
            ) from error
        if not unknown:
            raise error
        if unknown <= self.left_out.properties:
            return
        _log.warning(
            "%s: Exact does not know %s. What is stored of it stays, it is asked for again after a month or an "
            "upgrade, and the rest is read without it.",
            self.table.name,
            ", ".join(sorted(unknown)),
        )
        await self.left_out.add(unknown)

    async def _lacking(self, division: int, selected: frozenset[str]) -> frozenset[str]:
        """Ask for a row as it is, and return which properties it lacks; none: there is no row to tell."""
        since = {"$filter": "Timestamp gt 1L"} if self.table.feed is Feed.SYNC else {}
        try:
            found = await self.asker.get(self.table.endpoint, {**since, "$top": "1"}, division=division)
        except RequestRefusedError:
            return frozenset()
        rows = found.get("results", [found]) if isinstance(found, dict) else found
        row = rows[0] if isinstance(rows, list) and rows else None
        present = frozenset(row) if isinstance(row, dict) else frozenset[str]()
        lacking = selected - present
        # A row that has hardly anything of what is asked for tells of another shape, not of what was dropped.
        return lacking if len(lacking) * 2 <= len(selected) else frozenset()


def without_properties(question: Question, left_out: frozenset[str]) -> Question:
    """Return the question without properties of the table's."""
    if not left_out & set(_schema(question).names):
        return question
    schema = pa.schema([one for one in _schema(question) if one.name not in left_out])
    before, expand = "" if question.expand is None else f"{question.expand.navigation}/", question.expand
    dropped = {f"{before}{name}" for name in left_out}
    params = {
        name: ",".join(one for one in value.split(",") if one not in dropped) if name == SELECT else value
        for name, value in question.params.items()
    }
    if expand is None:
        return replace(question, schema=schema, params=params)
    return replace(question, params=params, expand=replace(expand, schema=schema))


def with_columns(page: Page, question: Question, left_out: frozenset[str]) -> Page:
    """Return a page with the columns that were left out: null, and told to be absent."""
    schema = _schema(question)
    names = left_out & set(schema.names)
    if not names:
        return page
    if question.expand is None:
        return replace(page, rows=_filled(page.rows, schema), absent=page.absent | (names if page.rows else set()))
    lines = page.expanded
    if lines is None:
        return page
    whole = pa.schema([lines.schema.field(0), *schema])
    return replace(page, expanded=_filled(lines, whole), absent=page.absent | (names if len(lines) else set()))


def _filled(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = {
        one.name: rows.column(one.name)
        if one.name in rows.column_names
        else pa.chunked_array([pa.nulls(len(rows), one.type)])
        for one in schema
    }
    return pa.table(columns, schema=schema)


def _schema(question: Question) -> pa.Schema:
    """Return the table's properties: the lines', where they are asked for inside their headers."""
    return question.schema if question.expand is None else question.expand.schema


def _vital(question: Question) -> frozenset[str]:
    if question.expand is not None:
        return frozenset(question.expand.line_required)
    return frozenset({*question.required, *question.indispensable})


def _named(selected: Iterable[str], question: Question, reason: str) -> frozenset[str]:
    """Return the properties that a refusal names, and that are no part of the filter."""
    filters = " ".join(value for name, value in question.params.items() if name != SELECT)
    words = set(re.findall(rf"[{QUOTES}](\w+)[{QUOTES}]", reason))
    return frozenset(name for name in selected if name in words and not re.search(rf"\b{name}\b", filters))


def _is_about_options(reason: str) -> bool:
    """Return whether a refusal is about a filter, or about `$select` as such."""
    return "$filter" in reason or SELECT in reason


async def _closing(pages: AsyncIterator[Page]) -> AsyncGenerator[Page, None]:
    try:
        async for page in pages:
            yield page
    finally:
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()
