"""The sync feed: every row version since a Timestamp, 1,000 a page.

What it rests on: a Timestamp is unique per row version and says nothing of time; pages come in no promised order; a
row may surface with a Timestamp below one that was read before, because SQL Server gives it when the row is written
and shows it when the transaction ends. Hence the cursor moves when a chain has ended, and the next read starts an
overlap below it.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace as replace_step

import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table, YearKind
from exact_assets.cursors import SyncCursor
from exact_assets.feeds import digest
from exact_assets.feeds.chain import Chunk, answers_of, follow
from exact_assets.feeds.counting import asked_by, doubted
from exact_assets.feeds.newest import highest
from exact_assets.feeds.questions import question_of_keys, question_of_table
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import LATEST, as_rows, between, empty, first_year_kept, gone_before
from exact_assets.stream import Chain, Step, StreamState, Verb

OVERLAP_ROWS = 500
"""Half a page: reading it again costs no call of its own."""
_BEGINNING = 1
_TIMESTAMP = "Timestamp"


async def read(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Read what is new, or everything where nothing is there, the starting year is earlier, or a reload is due."""
    state = _opened(table, state, request)
    bound = _bound(state)
    before = state
    question = question_of_table(table, {"$filter": f"{_TIMESTAMP} gt {bound}L"})
    async with aclosing(follow(source, division, question, state.chain or Chain(), request=request)) as chunks:
        async for chunk in chunks:
            chain = _observed(chunk, before.chain)
            rows = as_rows(
                [page.rows for page in chunk.pages],
                table,
                division=division,
                zone=source.zone,
                start_year=_start_year(state, request),
            )
            first = first_year_kept(table, _start_year(state, request))
            # The first chunk of a new stream finds nothing stored.
            is_new = chunk.is_first and state.load_seq == 0
            gone, rows = None if is_new else gone_before(rows, table, first), between(rows, first, LATEST)
            if chunk.is_first and before.chain is not None and before.chain.pages and chain.reload:
                before = replace(before, chain=None)
                yield Step(verb=Verb.UPSERT, rows=empty(table), state=before)
            before = _ended(state, chain, bound, request) if chunk.is_last else replace(before, chain=chain)
            step = Step(
                verb=_verb(chunk, chain),
                rows=rows,
                gone=gone,
                state=before,
                asked=asked_by(question, table, chunk) if chunk.is_last and chain.reload else None,
                doubted=doubted(question, table, chunk),
            )
            if not _is_known(chunk, step, state):
                if _lacks_newest(table, chunk, chain, state) and (
                    chain.newest or await _has_rows(source, table, division)
                ):
                    step = replace_step(step, holds_above=bound)
                yield step
            # What has been stored goes before the next pages come.
            del chunk, rows, step


def _opened(table: Table, state: StreamState, request: ReadRequest) -> StreamState:
    """Return the state with the chain that is to be followed."""
    if table.year_kind is YearKind.BUSINESS:
        if state.start_year is not None and request.start_year < state.start_year:
            # Rows of the years between were left out: everything is asked for again, and nothing stored twice.
            state = replace(state, chain=None, cursor=None, fingerprint=None, start_year=request.start_year)
        elif state.start_year is None:
            state = replace(state, start_year=request.start_year)
    if state.chain is None:
        state = replace(state, chain=Chain(reload=request.reload and state.is_loaded))
    return state


def _bound(state: StreamState) -> int:
    if not isinstance(state.cursor, SyncCursor) or (state.chain is not None and state.chain.reload):
        return _BEGINNING
    return state.cursor.start


def _start_year(state: StreamState, request: ReadRequest) -> int:
    return request.start_year if state.start_year is None else state.start_year


def _observed(chunk: Chunk, before: Chain | None) -> Chain:
    """Add what the chunk's Timestamps tell to the chain."""
    chain = chunk.chain
    known = Chain() if chunk.is_first or before is None else before
    newest, opening, is_ordered = known.newest, known.opening, known.is_ordered
    for page in chunk.pages:
        stamps = page.rows.column(_TIMESTAMP).drop_null()
        is_ordered = is_ordered and _continues(stamps, newest)
        newest = highest(_without(stamps, newest), newest, count=OVERLAP_ROWS)
        opening = opening if opening is not None else max(newest, default=_BEGINNING)
    return replace(chain, newest=newest, opening=opening, is_ordered=is_ordered)


def _continues(stamps: pa.ChunkedArray, newest: Sequence[int]) -> bool:
    if len(stamps) == 0:
        return True
    ascending = pc.all(pc.greater_equal(stamps[1:], stamps[:-1])).as_py() is not False
    return ascending and (not newest or stamps[0].as_py() >= newest[0])


def _without(stamps: pa.ChunkedArray, newest: Sequence[int]) -> pa.ChunkedArray:
    """Return those that are not known yet, each once."""
    once = pa.chunked_array([stamps.unique()], pa.int64())
    return once.filter(pc.invert(pc.is_in(once, value_set=pa.array(newest, pa.int64()))))


def _ended(state: StreamState, chain: Chain, bound: int, request: ReadRequest) -> StreamState:
    """Return the state after a chain: cursor at the highest Timestamp, the next read an overlap below it."""
    newest = chain.newest
    before = state.cursor.timestamp if isinstance(state.cursor, SyncCursor) else _BEGINNING
    floor = newest[-1] if len(newest) == OVERLAP_ROWS else bound
    is_complete = True
    if not chain.is_ordered and chain.pages > 1:
        # Out of order, a row that changed while the chain was read may have been passed over: it is newer than
        # anything that the first page could know of.
        is_complete = chain.opening is None or chain.opening >= floor
        floor = min(floor, chain.opening or bound)
    asked = request.reload_id if chain.reload or not state.is_loaded else None
    return replace(
        state,
        cursor=SyncCursor(timestamp=max([before, *newest[:1]]), floor=floor),
        chain=None,
        covered_from=chain.started if chain.reload or not state.is_loaded else state.covered_from,
        reload_id=asked or state.reload_id,
        reload_years=() if asked else state.reload_years,
        fingerprint=digest.of_numbers(one for one in newest if one > floor) if is_complete else None,
    )


def _lacks_newest(table: Table, chunk: Chunk, chain: Chain, state: StreamState) -> bool:
    """Return whether a whole answer lacks what was read last: that is deleted, or Timestamps have begun anew.

    What the deletion log lacks Exact has forgotten; while an answer is withheld, rows are gone for another reason.
    """
    is_whole = chunk.is_first and chunk.is_last and not chain.reload and table.name != LOG
    is_whole = is_whole and state.withheld is None
    return (
        is_whole and isinstance(state.cursor, SyncCursor) and max(chain.newest, default=0) < state.cursor.timestamp
    )


async def _has_rows(source: Source, table: Table, division: int) -> bool:
    """Return whether Exact gives any row at all: an empty answer may be a right that was withdrawn."""
    key = [column for column in table.columns if column.name in table.key]
    stamp = [column for column in table.columns if column.property == _TIMESTAMP]
    filters = {"$filter": f"{_TIMESTAMP} gt {_BEGINNING}L", "$top": "1"}
    question = question_of_keys(table, key, stamp, filters, path=table.endpoint)
    async with aclosing(answers_of(source, division, question)) as pages:
        async for page in pages:
            return bool(page.rows.num_rows)
    return False


def _verb(chunk: Chunk, chain: Chain) -> Verb:
    if not chain.reload:
        return Verb.UPSERT
    return Verb.REPLACE if chunk.is_last else Verb.STAGE


def _is_known(chunk: Chunk, step: Step, state: StreamState) -> bool:
    """Return whether nothing changed: the only answer holds the same versions as the last one."""
    return (
        chunk.is_first
        and chunk.is_last
        and step.verb is Verb.UPSERT
        and state.is_loaded
        and step.state == replace(state, chain=None)
    )
