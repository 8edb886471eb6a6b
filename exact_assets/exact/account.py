"""Small values about who is asking and which divisions there are, and how they are read. No I/O belongs here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from exact_assets.errors import AnswerError
from exact_assets.exact.numbers import read_integer

LARGEST_DIVISION = 2**31 - 1
FARTHEST_OFFSET_SECONDS = 14 * 3_600
"""Of any zone on earth. A farther one would be kept as the site's zone, and break each load."""
ME_PROPERTIES = ("UserID", "FullName", "CurrentDivision", "ServerTime", "ServerUtcOffset")
DIVISION_SCHEMA = pa.schema(
    [
        ("Code", pa.int32()),
        ("Description", pa.string()),
        ("Hid", pa.int64()),
        ("CustomerName", pa.string()),
        ("Legislation", pa.string()),
        ("Currency", pa.string()),
        ("Status", pa.int32()),
        ("Current", pa.bool_()),
        ("DivisionMoveDate", pa.timestamp("us")),
        ("DivisionHRLinkUnlinkDate", pa.timestamp("us")),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who the tokens belong to (`current/Me`)."""

    user_id: str | None
    name: str | None
    current_division: int
    server_utc_offset_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A division that the user may reach and that is granted to the app (`system/Divisions`)."""

    code: int
    """The number in addresses; not unique across sites."""
    description: str | None
    hid: int | None = None
    """The number that users see on screen."""
    customer: str | None = None
    """The licence holder that owns it."""
    legislation: str | None = None
    currency: str | None = None
    status: int | None = None
    """As Exact has it: 0 inactive, 1 active, 2 archived."""
    is_current: bool = False
    division_move_date: datetime | None = None
    """Wall clock of the site; when it changes, all Timestamps of the division are new."""
    division_hr_link_unlink_date: datetime | None = None
    """Wall clock of the site; when it changes, IDs and Timestamps of HR tables are new."""


def read_me(row: Mapping[str, Any]) -> Me:
    """Read a row of `current/Me`.

    Raises:
        AnswerError: it names no current division.
    """
    division, offset = row.get("CurrentDivision"), row.get("ServerUtcOffset")
    if type(division) is not int or not 0 <= division <= LARGEST_DIVISION:
        raise AnswerError("current/Me: Exact names no current division of the user.", endpoint="current/Me")
    return Me(
        user_id=row.get("UserID"),
        name=row.get("FullName"),
        current_division=division,
        server_utc_offset_seconds=read_integer(
            str(offset), lowest=-FARTHEST_OFFSET_SECONDS, highest=FARTHEST_OFFSET_SECONDS
        ),
    )


def read_divisions(rows: pa.Table) -> list[Division]:
    """Read rows of `system/Divisions`."""
    return [
        Division(
            code=row["Code"],
            description=row["Description"],
            hid=row["Hid"],
            customer=row["CustomerName"],
            legislation=row["Legislation"],
            currency=row["Currency"],
            status=row["Status"],
            is_current=bool(row["Current"]),
            division_move_date=row["DivisionMoveDate"],
            division_hr_link_unlink_date=row["DivisionHRLinkUnlinkDate"],
        )
        for row in rows.to_pylist()
    ]
