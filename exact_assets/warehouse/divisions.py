"""The division selection, a table that users edit with plain SQL: what stands in it, and what is said of it.

Values and sentences only. Statements are in `selection`; what a choice leads to is decided elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from exact_assets.warehouse.sql.names import SELECTION, qualified

TABLE = qualified(SELECTION)

CHOSEN = ("division", "sync_enabled", "start_year", "sync_now")
"""Columns with choices. A table that lost one of these cannot be read, and that is not the same as a table in which
nothing is chosen."""

IS_VIEW = (
    f"{TABLE} is a view, in which nothing can be shown or set: run `exact-assets divisions restore`, which sets it "
    "aside and makes the table anew. Until then nothing changes."
)
"""The problem of a view in the table's place, whatever it selects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionChoice:
    """What the user chose for a division, and how it went."""

    division: int
    name: str | None = None
    sync_enabled: bool = False
    start_year: int | None = None
    """None: the setting's."""
    sync_now: bool = False
    """Asked for out of turn; set back when the division has been brought up to date."""
    last_sync: datetime | None = None
    status: str | None = None
    calls_today: int | None = None
    """Calls sent since midnight UTC, as far as this installation knows."""
    moved_at: datetime | None = None
    """Exact's DivisionMoveDate (naive, the site's clock): when it changes, all Timestamps are new."""
    hr_linked_at: datetime | None = None
    """Exact's DivisionHRLinkUnlinkDate (naive): when it changes, IDs and Timestamps of HR tables are new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionReport:
    """What is to be shown of a division beside the choices from which it follows."""

    read: DivisionChoice
    """The row as it was read: where a user has chosen otherwise since, nothing is written."""
    last_sync: datetime | None
    """None: as it was."""
    status: str
    calls_today: int | None
    takes_back: bool = False
    """Whether `sync_now` has been done or refused."""

    @property
    def changes(self) -> bool:
        """Whether writing it would change the row."""
        return (
            self.takes_back
            or self.status != self.read.status
            or self.calls_today != self.read.calls_today
            or self.last_sync not in {None, self.read.last_sync}
        )

    def is_about(self, now: DivisionChoice | None) -> bool:
        """Whether the row still has the choices of which the report was made."""
        return now is not None and _choices(now) == _choices(self.read)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDivision:
    """What Exact says of a division, as far as it is kept in the selection."""

    division: int
    name: str | None = None
    moved_at: datetime | None = None
    hr_linked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The selection as it stands in the table."""

    choices: tuple[DivisionChoice, ...] | None
    """In order of number; None: they cannot be read."""
    problems: tuple[str, ...] = ()
    """What is wrong with the table, and what to do: a sentence each. Rows that are not named here are sound."""
    twice: frozenset[int] = frozenset()
    """Divisions of which there is more than one row."""


def known(choice: DivisionChoice) -> KnownDivision:
    """Return what is known of a division, without what was chosen for it."""
    return KnownDivision(
        division=choice.division, name=choice.name, moved_at=choice.moved_at, hr_linked_at=choice.hr_linked_at
    )


def hides_addresses(column: str) -> str:
    """Return the sentence for a table with a column of its own that has the name of the rows' addresses."""
    return (
        f"{TABLE} has a column {column} of its own, which hides the rows' addresses: drop it, or run "
        "`exact-assets divisions restore`. Until then nothing changes."
    )


def lacks(columns: Iterable[str]) -> str:
    """Return the sentence for a table without some of the columns with choices."""
    named = ", ".join(columns)
    return (
        f"{TABLE} lacks a column that is needed ({named}): add it, or run `exact-assets divisions restore`. "
        "Until then nothing changes."
    )


def unreadable(why: str) -> str:
    """Return the sentence for a table whose columns cannot be read, such as a view of what is gone."""
    return (
        f"{TABLE} cannot be read ({why}): correct it, or run `exact-assets divisions restore`. "
        "Until then nothing changes."
    )


def unwritable(why: str) -> str:
    """Return the sentence for a table that can be read and not be written."""
    return (
        f"{TABLE} cannot be written ({why}): correct it, or run `exact-assets divisions restore`. "
        "Until then it stays as it is."
    )


def not_there(divisions: Iterable[int]) -> str:
    """Return the sentence for divisions that are not in the selection."""
    numbers = ", ".join(map(str, divisions))
    return f"{TABLE} has no division {numbers}: run `exact-assets divisions refresh`, then list them"


def _choices(choice: DivisionChoice) -> tuple[bool, bool, int | None]:
    return choice.sync_enabled, choice.sync_now, choice.start_year
