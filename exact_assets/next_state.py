"""What becomes of a stream's state: pure functions from one to the next, and what they read of one."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from exact_assets.stream import FEW_MISSING, MOST_MISSING, Chain, RemovalKind, Step, StreamState, Withheld


def of_kind(withheld: Withheld | None, kind: RemovalKind) -> Withheld | None:
    """Return what is withheld of a kind."""
    while withheld is not None and withheld.by is not kind:
        withheld = withheld.earlier
    return withheld


def with_missing(state: StreamState, missing: Sequence[str], *, known: int | None = None) -> StreamState:
    """Return the state in which rows are to be asked for by themselves, or all of them where that costs less.

    Args:
        state: of a stream that is loaded.
        missing: what is missing, or the first of it: more than `MOST_MISSING` are not asked for by themselves.
        known: how many rows or headers Exact has; None: not known.
    """
    wanted = tuple(dict.fromkeys((*state.missing, *missing)))
    is_most = known is not None and len(wanted) > FEW_MISSING and 2 * len(wanted) > known
    if state.chain is not None or (len(wanted) <= MOST_MISSING and not is_most):
        return replace(state, missing=wanted)
    return read_again(state)


def read_again(state: StreamState) -> StreamState:
    """Return the state in which all of a stream is read again, and stored whatever it is."""
    return replace(state, missing=(), chain=state.chain or Chain(reload=True), fingerprint=None)


FILLED_EVERY = timedelta(days=7)
"""No stream is read anew more often than this because columns come and go."""


def columns_to_fill(state: StreamState, *, now: datetime) -> tuple[str, ...]:
    """Return the columns that are to be filled by reading anew: rows were read without them, and they come."""
    if state.filled_at is not None and abs(now - datetime.fromisoformat(state.filled_at)) < FILLED_EVERY:
        return ()
    return tuple(name for name in state.unfilled if name not in state.absent)


def notes_of(state: StreamState) -> tuple[object, ...]:
    """Return what a state tells of values and columns, to be compared with another's."""
    return state.unfit, state.absent, state.unfilled


def with_new_columns(state: StreamState, columns: Collection[str]) -> StreamState:
    """Return a stream's state after its table got columns that the rows which are there were read without.

    What is under way asks for its pages without them, so it is begun anew; a first load as a reload, because rows
    that are stored by now are not overwritten by the same version.
    """
    chain = state.chain
    if chain is not None:
        is_reload = chain.reload or not state.is_loaded
        anew = Chain(first_year=chain.first_year, last_year=chain.last_year, reload=is_reload)
        chain = anew if is_reload or chain.first_year is not None else None
    return replace(
        state,
        chain=chain,
        fingerprint=None,
        unfilled=tuple(sorted({*state.unfilled, *columns})),
        absent=tuple(name for name in state.absent if name not in columns),
        filled_at=None,
    )


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
    """Return whether an answer in parts goes on, or is asked for again."""
    return state.chain is not None or of_kind(state.withheld, RemovalKind.CHANGES) is not None
