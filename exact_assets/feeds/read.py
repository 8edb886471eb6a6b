"""From a table to the feed that reads it."""

from collections.abc import AsyncGenerator

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Feed, Table
from exact_assets.feeds import deletion_log, modified, parent, snapshot, sync
from exact_assets.feeds.notes import noting
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.stream import Step, StreamState

_FEEDS = {
    Feed.SYNC: sync.read,
    Feed.MODIFIED: modified.read,
    Feed.PARENT: parent.read,
    Feed.SNAPSHOT: snapshot.read,
    Feed.FUNCTION: snapshot.read,
}


def read(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Bring a stream up to date, in steps that are to be stored one after the other.

    A chain of pages that is under way is followed to its end, and nothing else is asked then: read again to go on.
    Where nothing changed no step comes, or one without rows that only moves the state.

    Raises:
        ExactError: as the client raises it; what was read before has come as a step.
    """
    feed = deletion_log.read if table.name == LOG else _FEEDS[table.feed]

    def steps(observed: Source) -> AsyncGenerator[Step, None]:
        return feed(observed, table, division, state, request=request)

    return noting(steps, source, table, state, request=request)
