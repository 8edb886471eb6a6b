"""What can be asked of the rows that are kept, and what an answer holds. Values only: the SQL is `violations`'s."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from exact_assets.catalogue.table import Table

EXAMPLES = 20
"""Rows that an answer shows at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleKeys:
    """Keys that stand more than once in a division."""

    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRows:
    """Rows of divisions that were never asked for, or that the selection lacks; records in two divisions."""

    table: Table
    is_of_one_division: bool
    """Whether a key belongs to one division."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongYears:
    """Rows whose `_year` is another than their own columns say, or before the first one."""

    table: Table
    first_years: Mapping[int, int]
    """By division; a division that is not among them has no first year."""
    new_year_shift: timedelta
    """What to add to UTC for the site's clock around New Year."""
    header: Table | None = None
    """The headers that tell the year of lines, where they are kept."""
    header_key: str = ""
    foreign_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderYears:
    """Of which lines a division's headers must be there."""

    after_year: int | None = None
    """Lines of later years, and created in later ones; None: of all."""
    years: tuple[int, ...] = ()
    """Lines of these years only; empty: of all."""
    settled_at: datetime
    """Lines that changed later than this may be newer than what was read of their headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostLines:
    """Lines whose header is not there."""

    table: Table
    header: Table
    key: str
    foreign_key: str
    number: str | None
    """Column of both that counts headers up. Lines may be dated later than their headers then, so that only those
    count that were created after the year too, and whose number is above those of that year's headers."""
    divisions: Mapping[int, HeaderYears]
    """Those in which both are loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbalanced:
    """Entries and periods of the ledger whose amounts do not add up to zero."""

    table: Table
    first_years: Mapping[int, int]
    """By division; in it, lines of an entry may have been left out."""
    unsettled: frozenset[int] = frozenset()
    """Divisions that are being loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceYears:
    """With what a division's ledger is compared."""

    first_year: int
    read_at: datetime
    """When the balances were read, or earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongBalances:
    """Sums of the ledger per account, year and period that are not Exact's own."""

    table: Table
    balance: Table
    divisions: Mapping[int, BalanceYears]
    asked: pa.Table | None = None
    """Balances read just now, with the columns of `balance`; None: those that the warehouse keeps."""


Probe = DoubleKeys | ForeignRows | WrongYears | LostLines | Unbalanced | WrongBalances


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many violations a division has."""

    certain: int = 0
    maybe: int = 0
    """Those that may pass by themselves with the next load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violations:
    """The answer to a probe."""

    tallies: Mapping[int, Tally] = field(default_factory=dict)
    """By division; those without violations are not in it."""
    examples: tuple[Mapping[str, Any], ...] = ()
    """The first ones, the certain ones before the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Rows of one `_year` of a division that are there."""

    rows: int
    dated: int
    """Those whose year is told by the first of the columns that may tell it."""
