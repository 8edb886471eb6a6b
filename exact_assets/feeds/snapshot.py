"""The snapshot feed, of small or undated tables and of functions: read whole, in the place of what is there."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

import pyarrow as pa
from msgspec.structs import replace

from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.errors import RequestRefusedError
from exact_assets.feeds import digest
from exact_assets.feeds.chain import Chunk, Question, follow, may_do_without_filter
from exact_assets.feeds.counting import asked_by
from exact_assets.feeds.filters import Plan, everything, guid_key, since_year, year_of
from exact_assets.feeds.rows import LATEST, as_rows, between, empty, first_year_kept, page_schema, select_list
from exact_assets.feeds.wall_clock import parse_utc
from exact_assets.feeds.want import Source, Want
from exact_assets.stream import Chain, Step, StreamState, Verb

STALE = timedelta(hours=24)
"""A snapshot that was begun longer ago is begun anew: its first pages no longer go with its last."""
_SELECT = "$select"


class _StaleError(Exception):
    """What was staged is too old to go with what comes now."""


async def read(
    source: Source, table: Table, division: int, state: StreamState, *, want: Want
) -> AsyncGenerator[Step, None]:
    """Read the table whole. One call and nothing to store where a page holds it and nothing changed."""
    stored = state
    while True:
        relies_on, question = _question(table, state, want)
        began = False
        try:
            async with aclosing(
                _run(source, table, division, state, question=question, want=want, stored=stored)
            ) as steps:
                async for step in steps:
                    began = True
                    yield step
        except _StaleError:
            state = replace(state, chain=Chain(reload=True))
        except RequestRefusedError as error:
            if began or relies_on is None or not (relies_on == _SELECT or may_do_without_filter(error)):
                raise
            state = replace(state, refused=(*state.refused, relies_on))
            if state.chain is not None:
                state = replace(state, chain=replace(state.chain, link=None))
        else:
            return


async def _run(
    source: Source,
    table: Table,
    division: int,
    state: StreamState,
    *,
    question: Question,
    want: Want,
    stored: StreamState,
) -> AsyncGenerator[Step, None]:
    chain = state.chain or Chain(reload=True)
    is_resumed = chain.link is not None
    async with aclosing(follow(source, division, question, chain, want=want)) as chunks:
        async for chunk in chunks:
            if is_resumed and _is_stale(chunk):
                raise _StaleError
            is_resumed = False
            if chunk.is_first and state.chain is not None:
                # It began anew: what is staged of it goes.
                state = replace(state, chain=None)
                yield Step(verb=Verb.UPSERT, rows=empty(table), state=state)
            rows = as_rows(
                [page.rows for page in chunk.pages],
                table,
                division=division,
                zone=source.zone,
                start_year=want.start_year,
            )
            rows = between(rows, first_year_kept(table, want.start_year), LATEST)
            step = _step(table, chunk, rows, state, want, question=question)
            if step.verb is not Verb.UPSERT or step.state != stored:
                yield step
            state = stored = step.state


def _is_stale(chunk: Chunk) -> bool:
    """Tell whether pages came long after the first one of their chain, by the server's clock for both."""
    return any(page.server_time - parse_utc(chunk.chain.started) > STALE for page in chunk.pages)


def _step(
    table: Table, chunk: Chunk, rows: pa.Table, state: StreamState, want: Want, *, question: Question
) -> Step:
    if not chunk.is_last:
        return Step(verb=Verb.STAGE, rows=rows, state=replace(state, chain=chunk.chain))
    fingerprint = digest.of_rows(rows, key=table.key) if chunk.is_first else None
    is_same = fingerprint is not None and fingerprint == state.fingerprint
    after = replace(
        state,
        chain=None,
        cursor=state.cursor if is_same else chunk.chain.started,
        start_year=want.start_year if table.year_kind is YearKind.BUSINESS else None,
        fingerprint=fingerprint,
        reload_id=want.reload_id or state.reload_id,
        reload_years=() if want.reload_id else state.reload_years,
    )
    if is_same:
        return Step(verb=Verb.UPSERT, rows=empty(table), state=after)
    return Step(verb=Verb.REPLACE, rows=rows, state=after, asked=asked_by(question, table, chunk))


def _question(table: Table, state: StreamState, want: Want) -> tuple[str | None, Question]:
    """Give what is asked, and what of it Exact may refuse."""
    plan = _plan(table, state, want)
    params = dict(plan.filters)
    if _SELECT not in state.refused:
        params[_SELECT] = select_list(table.columns)
    properties = {column.name: column.property for column in table.columns}
    return plan.relies_on, Question(
        path=table.endpoint,
        params=params,
        schema=page_schema(table.columns),
        key=tuple(properties[name] for name in table.key),
        check_division=table.checks_division,
    )


def _plan(table: Table, state: StreamState, want: Want) -> Plan:
    if table.feed is Feed.FUNCTION:
        # Functions take no filters, and some no `$select`.
        return Plan(filters={}, relies_on=None if _SELECT in state.refused else _SELECT)
    year = year_of(table) if table.year_kind is YearKind.BUSINESS else None
    if year is not None and year.is_usable(table, state.refused):
        return Plan(filters={"$filter": year.within(since_year(want.start_year))}, relies_on=year.name)
    return everything(table, state.refused, key=guid_key(table.columns, table.key))
