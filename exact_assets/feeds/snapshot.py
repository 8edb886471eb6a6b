"""The snapshot feed, of small or undated tables and of functions: read whole, in the place of what is there."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

import pyarrow as pa
from msgspec.structs import replace

from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.cursors import SnapshotCursor
from exact_assets.exact.question import Question
from exact_assets.feeds import digest
from exact_assets.feeds.chain import Chunk, follow
from exact_assets.feeds.counting import asked_by, doubted
from exact_assets.feeds.fallback import Variant, first_accepted, with_refusal
from exact_assets.feeds.filters import FilterChoice, everything, guid_key, since_year, year_of
from exact_assets.feeds.questions import SELECT, question_of_table
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import LATEST, as_rows, between, column_names, empty, first_year_kept
from exact_assets.feeds.wall_clock import parse_utc
from exact_assets.stream import Chain, Step, StreamState, Verb

STALE = timedelta(hours=24)
"""A snapshot that was begun longer ago is begun anew: its first pages no longer go with its last."""


def read(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Read the table whole. One call and nothing to store where a page holds it and nothing changed."""
    stored = state

    def variant(state: StreamState) -> Variant:
        plan = _plan(table, state, request)
        question = question_of_table(table, plan.filters, is_selected=SELECT not in state.refused)

        def without() -> Variant:
            chain = None if state.chain is None else replace(state.chain, link=None)
            return variant(replace(state, refused=with_refusal(state, plan.relies_on), chain=chain))

        steps = _run(source, table, division, state, question=question, request=request, stored=stored)
        return Variant(steps=steps, relies_on=plan.relies_on, without=without)

    return first_accepted(variant(state))


async def _run(
    source: Source,
    table: Table,
    division: int,
    state: StreamState,
    *,
    question: Question,
    request: ReadRequest,
    stored: StreamState,
) -> AsyncGenerator[Step, None]:
    chain = state.chain or Chain(reload=True)
    # A reload repairs what the warehouse has lost or changed, of which the digest knows nothing.
    is_asked_again = request.reload or state.chain is not None
    async with aclosing(_fresh(source, division, question, chain, request=request)) as chunks:
        async for chunk in chunks:
            if chunk.is_first and state.chain is not None:
                # It began anew: what is staged of it goes.
                state = replace(state, chain=None)
                yield Step(verb=Verb.UPSERT, rows=empty(table), state=state)
            rows = as_rows(
                [page.rows for page in chunk.pages],
                table,
                division=division,
                zone=source.zone,
                start_year=request.start_year,
            )
            rows = between(rows, first_year_kept(table, request.start_year), LATEST)
            step = _step(table, chunk, rows, state, request, question=question, is_asked_again=is_asked_again)
            if step.verb is not Verb.UPSERT or step.state != stored:
                yield step
            state = stored = step.state


async def _fresh(
    source: Source, division: int, question: Question, chain: Chain, *, request: ReadRequest
) -> AsyncGenerator[Chunk, None]:
    """Follow a chain from where it stopped, or a new one where what was staged of it is too old to go with it."""
    is_resumed = chain.link is not None
    async with aclosing(follow(source, division, question, chain, request=request)) as chunks:
        async for chunk in chunks:
            if is_resumed and _is_stale(chunk):
                break
            is_resumed = False
            yield chunk
        else:
            return
    async with aclosing(follow(source, division, question, Chain(reload=True), request=request)) as chunks:
        async for chunk in chunks:
            yield chunk


def _is_stale(chunk: Chunk) -> bool:
    """Return whether pages came long after the first one of their chain, by the server's clock for both."""
    return any(page.server_time - parse_utc(chunk.chain.started) > STALE for page in chunk.pages)


def _step(
    table: Table,
    chunk: Chunk,
    rows: pa.Table,
    state: StreamState,
    request: ReadRequest,
    *,
    question: Question,
    is_asked_again: bool,
) -> Step:
    if not chunk.is_last:
        return Step(verb=Verb.STAGE, rows=rows, state=replace(state, chain=chunk.chain))
    # Rows that stayed because another could not be read are to go once it can, or is gone itself.
    is_told = chunk.is_first and not chunk.chain.is_partial
    fingerprint = digest.of_rows(rows, key=table.key) if is_told else None
    is_same = fingerprint is not None and fingerprint == state.fingerprint and not is_asked_again
    after = replace(
        state,
        chain=None,
        cursor=state.cursor if is_same else SnapshotCursor(read_at=parse_utc(chunk.chain.started)),
        start_year=request.start_year if table.year_kind is YearKind.BUSINESS else None,
        fingerprint=fingerprint,
        digest_rows=_different(rows, table) if fingerprint is not None else None,
        reload_id=request.reload_id or state.reload_id,
        reload_years=() if request.reload_id else state.reload_years,
    )
    if is_same:
        return Step(verb=Verb.UPSERT, rows=empty(table), state=after)
    return Step(
        verb=Verb.REPLACE,
        rows=rows,
        state=after,
        asked=asked_by(question, table, chunk),
        doubted=doubted(question, table, chunk),
        unread=column_names(table, chunk.absent),
        is_partial=chunk.chain.is_partial,
    )


def _different(rows: pa.Table, table: Table) -> int:
    """Count the rows that the warehouse keeps of those that came: of several with one key it keeps one."""
    different: pa.Table = rows.group_by(list(table.key)).aggregate([]) if table.key else rows
    return len(different)


def _plan(table: Table, state: StreamState, request: ReadRequest) -> FilterChoice:
    if table.feed is Feed.FUNCTION:
        # Functions take no filters, and some no `$select`.
        return FilterChoice(filters={}, relies_on=None if SELECT in state.refused else SELECT)
    year = year_of(table) if table.year_kind is YearKind.BUSINESS else None
    if year is not None and year.is_usable(table, state.refused):
        return FilterChoice(filters={"$filter": year.within(since_year(request.start_year))}, relies_on=year.name)
    return everything(table, state.refused, key=guid_key(table.columns, table.key))
