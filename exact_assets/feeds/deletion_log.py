"""The deletion log: the sync feed, and an account of how far back it goes without a gap.

Exact forgets entries after two months. Where the log was not read for so long, something may have vanished unseen:
`StreamState.covered_from` says since when nothing has, and tables whose rows were last seen whole before that are
due for a sweep of keys.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace as replace_step
from datetime import datetime, timedelta

from msgspec.structs import replace

from exact_assets.catalogue.deletions import KEPT
from exact_assets.catalogue.table import Table
from exact_assets.feeds import sync
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import empty
from exact_assets.feeds.wall_clock import parse_utc
from exact_assets.stream import Step, StreamState, Verb

NOTED_EVERY = timedelta(days=1)
"""That the log was read is noted so often, though nothing came: what counts is two months."""


async def read(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Read what was deleted since the last time."""
    is_anew = not state.is_loaded
    is_noted = False
    async with aclosing(sync.read(source, table, division, state, request=request)) as steps:
        async for step in steps:
            is_noted = step.state.is_loaded and step.state.chain is None
            if is_noted:
                # Asked only now: the server's clock is known best after an answer.
                now = request.now()
                yield replace_step(step, state=_noted(step.state, state, now, is_anew=is_anew))
            else:
                yield step
    now = request.now()
    if not is_noted and (state.read_at is None or now - parse_utc(state.read_at) > NOTED_EVERY):
        after = _noted(replace(state, chain=None), state, now, is_anew=is_anew)
        yield Step(verb=Verb.UPSERT, rows=empty(table), state=after)


def _noted(after: StreamState, before: StreamState, now: datetime, *, is_anew: bool) -> StreamState:
    has_gap = before.read_at is None or now - parse_utc(before.read_at) > KEPT
    covered_from = (now - KEPT).isoformat() if is_anew or has_gap else before.covered_from
    return replace(after, read_at=now.isoformat(), covered_from=covered_from)
