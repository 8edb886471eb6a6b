"""What is stored of streams before work on them begins: their own states, and what others say of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table
from exact_assets.errors import StateUnreadableError
from exact_assets.stream import StreamState
from exact_assets.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStates:
    """What is stored of a stream, and of the deletion log where that may name its rows."""

    state: StreamState
    log: StreamState | None


def known_states(
    table: Table, warehouse: Warehouse, divisions: Sequence[int]
) -> Sequence[KnownStates | StateUnreadableError]:
    """Read what is stored of divisions together; where one of it cannot be read, of each by itself."""
    try:
        return _read_together(table, warehouse, divisions)
    except StateUnreadableError as error:
        if len(divisions) == 1:
            return [error]
    return [one for division in divisions for one in known_states(table, warehouse, [division])]


def _read_together(table: Table, warehouse: Warehouse, divisions: Sequence[int]) -> Sequence[KnownStates]:
    names = [table.name, LOG] if table.entity_types else [table.name]
    found = warehouse.states_of(divisions, names=names)
    return [
        KnownStates(
            state=found[division].get(table.name, StreamState()),
            log=found[division].get(LOG) if table.entity_types else None,
        )
        for division in divisions
    ]
