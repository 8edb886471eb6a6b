"""Small values about who is asking and which divisions there are. No I/O belongs here."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who the tokens belong to (`current/Me`)."""

    user_id: str
    name: str
    current_division: int
    server_utc_offset_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A division that the user may reach and that is granted to the app (`system/Divisions`)."""

    code: int
    """The number in URLs; not unique across sites."""
    description: str
    hid: str | None = None
    """The number that users see on screen."""
    customer: str | None = None
    """The name of the licence that owns it."""
    legislation: str | None = None
    currency: str | None = None
    status: int | None = None
    """0 inactive, 1 active, 2 archived."""
    is_current: bool = False
    division_move_date: datetime | None = None
    """Wall clock of the site; when it changes, all Timestamps of the division are new."""
    division_hr_link_unlink_date: datetime | None = None
    """Wall clock of the site; when it changes, IDs and Timestamps of HR tables are new."""
