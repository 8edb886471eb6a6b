"""Whether the deletion log can be relied on in a division, and what to say where it cannot. Pure functions.

A user who may not see deletions gets an empty log, and no error. So until the log has told of one deletion, the
tables that it covers are swept as often as those that it does not; later, now and then all the same.
"""

from datetime import datetime, timedelta

from exact_assets.catalogue.table import Feed, Table
from exact_assets.cursors import SyncCursor
from exact_assets.stream import StreamState

SWEPT_EVERY = timedelta(days=27)
"""So often tables are swept though the log names what went: each fourth week. A deletion, as a change, may show too
late for the log's next read, and a right may be withdrawn."""
NOTHING_TOLD = 1
"""The Timestamp of a log that has told of nothing yet."""


def has_told(log: StreamState | None) -> bool:
    """Return whether a division's log has ever named a deletion."""
    return log is not None and isinstance(log.cursor, SyncCursor) and log.cursor.timestamp > NOTHING_TOLD


def is_due_to_be_swept(table: Table, state: StreamState, log: StreamState | None, *, now: datetime) -> bool:
    """Return whether the weekly sweep is to ask for a table's keys.

    A stamp ahead of the server's clock is from one that was wrong.
    """
    if table.feed is not Feed.SYNC or not has_told(log) or state.covered_from is None:
        return True
    return not timedelta() <= now - datetime.fromisoformat(state.covered_from) < SWEPT_EVERY


def warnings_of(table: Table, division: int, *, unnamed: int) -> tuple[str, ...]:
    """Return what to tell of rows that a sweep found gone though the log had not named them."""
    if not unnamed:
        return ()
    words = (
        f"{table.name} of division {division}: a sweep found {unnamed:,} rows gone from Exact that its deletion "
        "log had not named. Unless they were deleted within the last hour, somebody lacks the right to see "
        "deletions: the user who connected needs access to the log (sync/Deleted) in this division, and the app's "
        'registration the scope "Organization administration". Till the log names a deletion, the tables that it '
        "covers are swept once a week."
    )
    return (words,)
