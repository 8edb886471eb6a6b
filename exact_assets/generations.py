"""What a division's Timestamps and IDs rest on, and what becomes of a stream when that changes. Pure functions.

When Exact moves a division to another server (`DivisionMoveDate`), all its Timestamps are new; when its HR is
linked to another division or unlinked (`DivisionHRLinkUnlinkDate`), the IDs of HR records are new as well. What was
read before cannot be caught up with then: it is read anew, whole, and replaced.
"""

from datetime import datetime

from msgspec.structs import replace

from exact_assets.catalogue.table import Feed, Table
from exact_assets.stream import Chain, StreamState

HR = frozenset({"hrm", "payroll"})
NEVER = "never"


def generation_of(table: Table, *, moved_at: datetime | None, hr_linked_at: datetime | None) -> str | None:
    """Return the name of the generation that a table's streams of a division are of; None: nothing may change it.

    Args:
        table: sync feeds go by Timestamp; tables of HR by ID too; those that are read whole by neither.
        moved_at: DivisionMoveDate; None: never.
        hr_linked_at: DivisionHRLinkUnlinkDate; None: never.
    """
    parts = []
    if table.feed is Feed.SYNC:
        parts.append(f"moved {moved_at or NEVER}")
    if table.group in HR and table.feed in {Feed.SYNC, Feed.MODIFIED, Feed.PARENT}:
        parts.append(f"linked {hr_linked_at or NEVER}")
    return ", ".join(parts) or None


def on_generation(state: StreamState, generation: str | None) -> StreamState:
    """Return the state to go on from in this generation; None: it is not known.

    A stream that stands on another is begun anew, as a reload: what is stored stays until all has come.
    """
    if generation is None or state.generation == generation:
        return state
    if state.generation is None:
        return replace(state, generation=generation)
    return replace(begun_anew(state), generation=generation)


def begun_anew(state: StreamState) -> StreamState:
    """Return the state of a stream that is read anew, as a reload: what is stored stays until all has come."""
    return replace(
        state,
        cursor=None,
        years=(),
        fingerprint=None,
        chain=Chain(reload=True),
        sweep=None,
        withheld=None,
        missing=(),
    )
