"""A stream's state as it is kept: the step's, with what only the warehouse knows. A pure function."""

from datetime import datetime

from msgspec.structs import replace

from exact_assets.stream import RemovalKind, Step, StreamState


def kept_state(step: Step, before: StreamState, *, load_seq: int, at: datetime, lost: int) -> StreamState:
    """Return the state to keep.

    Args:
        step: that is stored.
        before: the state that was kept.
        load_seq: the next one.
        at: the moment of the transaction.
        lost: rows that an answer in parts has taken away so far, this step included.
    """
    began = before.sweep_began
    if step.sweep is not None and step.sweep.begins:
        began = at.isoformat()
    elif step.state.sweep is None:
        began = None
    return replace(step.state, load_seq=load_seq, sweep_began=began, lost=lost if _is_under_way(step.state) else 0)


def _is_under_way(state: StreamState) -> bool:
    """Whether an answer in parts goes on, or is asked for again."""
    return state.chain is not None or (state.withheld is not None and state.withheld.by is RemovalKind.CHANGES)
