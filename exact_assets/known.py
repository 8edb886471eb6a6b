"""What is stored of streams, read for many divisions at once, before anything is asked of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table
from exact_assets.errors import StateUnreadableError
from exact_assets.stream import StreamState
from exact_assets.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is stored of a stream, and of the deletion log where that may name its rows."""

    state: StreamState
    log: StreamState | None


def read_known(
    table: Table, warehouse: Warehouse, divisions: Sequence[int]
) -> Sequence[Known | StateUnreadableError]:
    """Read what is stored of divisions together; where one of it cannot be read, of each by itself."""
    try:
        return _known_together(table, warehouse, divisions)
    except StateUnreadableError as error:
        if len(divisions) == 1:
            return [error]
    return [one for division in divisions for one in read_known(table, warehouse, [division])]


def _known_together(table: Table, warehouse: Warehouse, divisions: Sequence[int]) -> Sequence[Known]:
    names = [table.name, LOG] if table.entity_types else [table.name]
    found = warehouse.states_of(divisions, names=names)
    states = {division: found[division].get(table.name, StreamState()) for division in divisions}
    return [
        Known(
            state=state,
            log=found[division].get(LOG) if table.entity_types else None,
        )
        for division, state in _without_stale_digests(table, states, warehouse).items()
    ]


def _without_stale_digests(
    table: Table, states: Mapping[int, StreamState], warehouse: Warehouse
) -> Mapping[int, StreamState]:
    """Forget the digest of a table that is read whole where the warehouse has lost rows since, or got others."""
    expected = {
        division: state.digest_rows
        for division, state in states.items()
        if state.fingerprint is not None and state.digest_rows is not None
    }
    if not expected:
        return states
    counts = warehouse.row_counts(table, list(expected))
    return {
        division: replace(state, fingerprint=None)
        if division in expected and sum(counts[division].values()) != expected[division]
        else state
        for division, state in states.items()
    }
