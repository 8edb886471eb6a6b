"""What checks share that ask Exact: the way to it, and how many rows have changed there since a stream was read.

What Exact refuses to count is noted in the stream's state and not asked again: refusals add up to a block.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from msgspec.structs import replace

from exact_assets.catalogue.table import Table
from exact_assets.errors import LoadSupersededError, RequestRefusedError
from exact_assets.exact.client import ExactClient
from exact_assets.feeds.counting import changed_since
from exact_assets.feeds.rows import empty
from exact_assets.stream import Step, StreamState, Verb
from exact_assets.warehouse.protocol import Warehouse

OpenClient = Callable[[], AbstractAsyncContextManager[ExactClient]]

CHECKED_AT_ONCE = 8
CHANGES = "$inlinecount of changes"
"""In `StreamState.refused`: Exact does not count what has changed."""


async def count_changes(
    table: Table, state: StreamState, *, division: int, client: ExactClient, warehouse: Warehouse
) -> int | None:
    """Ask Exact how many rows have changed, in one call; None: it does not tell."""
    since = None if CHANGES in state.refused else changed_since(table, state)
    if since is None:
        return None
    try:
        return await client.count(division, table.endpoint, since)
    except RequestRefusedError:
        remember(CHANGES, table, division, state, warehouse=warehouse)
        return None


def remember(refused: str, table: Table, division: int, state: StreamState, *, warehouse: Warehouse) -> None:
    """Note in a stream's state what Exact refused."""
    try:
        _store(refused, table, division, state, warehouse)
    except LoadSupersededError:
        # A load has gone on in between: its state takes the note.
        _store(refused, table, division, warehouse.states(table, [division])[division], warehouse)


def _store(refused: str, table: Table, division: int, state: StreamState, warehouse: Warehouse) -> None:
    if refused not in state.refused:
        noted = replace(state, refused=(*state.refused, refused))
        step = Step(verb=Verb.UPSERT, rows=empty(table), state=noted)
        warehouse.store(table, division, step, expected_seq=state.load_seq)
