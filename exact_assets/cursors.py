"""How far a stream has been read: one shape per feed, as it stands in the stored state. Values only.

What is stored outlives the version that stored it: a shape may get members that have a default,
and no other change.
"""

from datetime import datetime
from typing import Annotated

import msgspec

WallClock = Annotated[datetime, msgspec.Meta(tz=False)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="feed"):
    """What all have in common: their kind is stored as `feed`."""

    @property
    def floor_text(self) -> str | None:
        """Where the next read starts, as the warehouse shows it; None: at the cursor."""
        return None


class SyncCursor(_Cursor, frozen=True, kw_only=True, omit_defaults=True, tag="sync"):
    """All row versions up to a Timestamp are stored."""

    timestamp: int
    floor: int | None = None
    """Where the next read starts: an overlap below, for rows that surface late. None: at the cursor."""

    @property
    def start(self) -> int:
        """After which Timestamp the next read asks."""
        return self.timestamp if self.floor is None else self.floor

    @property
    def floor_text(self) -> str | None:
        """As `_Cursor`."""
        return None if self.floor is None else str(self.floor)

    def __str__(self) -> str:
        """Write it as the warehouse shows it."""
        return str(self.timestamp)


class ModifiedCursor(_Cursor, frozen=True, kw_only=True, omit_defaults=True, tag="modified"):
    """All changes up to a Modified, the site's wall clock, are stored: of rows, or of the headers of lines."""

    modified: WallClock
    floor: WallClock | None = None
    """Where the next read starts: an overlap below, for rows that surface late. None: at the cursor."""

    @property
    def start(self) -> datetime:
        """From which wall clock on the next read asks."""
        return self.modified if self.floor is None else self.floor

    @property
    def floor_text(self) -> str | None:
        """As `_Cursor`."""
        return None if self.floor is None else self.floor.isoformat()

    def __str__(self) -> str:
        """Write it as the warehouse shows it."""
        return self.modified.isoformat()


class SnapshotCursor(_Cursor, frozen=True, kw_only=True, omit_defaults=True, tag="snapshot"):
    """All was read at once, and differed from what was there."""

    read_at: Instant
    """Server time of the first answer."""

    def __str__(self) -> str:
        """Write it as the warehouse shows it."""
        return self.read_at.isoformat()


Cursor = SyncCursor | ModifiedCursor | SnapshotCursor


def from_text(cursor: str, floor: str | None) -> Cursor:
    """Return a cursor of the form before this one: a text of which only its feed knew what it said.

    Raises:
        ValueError: none of the three that there were.
    """
    if cursor.isdecimal():
        return SyncCursor(timestamp=int(cursor), floor=None if floor is None else int(floor))
    moment = datetime.fromisoformat(cursor)
    if moment.tzinfo is not None:
        return SnapshotCursor(read_at=moment)
    return ModifiedCursor(modified=moment, floor=None if floor is None else datetime.fromisoformat(floor))
