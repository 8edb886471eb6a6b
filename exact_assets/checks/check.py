"""What a check is: the values that the file of a check fills in, whether it looks at rows or asks Exact."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from exact_assets.catalogue.table import Table
from exact_assets.checks.asking import OpenClient
from exact_assets.checks.result import CheckRun, DivisionResult
from exact_assets.checks.subject import Subject


class Rule(Protocol):
    """Decides for which tables a check is offered."""

    def __call__(self, table: Table, *, kept: Collection[Table]) -> bool:
        """Return whether a table can be held to it; `kept` are all tables that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A statement that finds rows which break a rule, and the divisions in which it does not look.

    It returns a row per violation: `division`, `is_certain` (false: the next load may fix it), and the columns that
    show it to a person.
    """

    statement: str
    relations: Mapping[str, pa.Table] = field(default_factory=dict)
    """Rows that the statement reads beside those in the warehouse, by the name it has for them."""
    skipped: Mapping[int, str] = field(default_factory=dict)
    """Divisions that cannot be searched now, and why."""
    outside: Mapping[int, str] = field(default_factory=dict)
    """Divisions that cannot be searched as they are loaded, and why: no load to come changes that by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A check that asks nobody but the warehouse."""

    name: str
    """As Dagster shows it."""
    description: str
    advice: str
    """What to do about violations."""
    is_offered: Rule
    search: Callable[[Subject], Search]
    is_of_ledger: bool = False
    """Whether it is one of those that only the ledger has, which have a job of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCheck:
    """A check of what loads have noted of themselves: it costs neither calls nor a look at rows."""

    name: str
    """As Dagster shows it."""
    description: str
    advice: str
    """What to do where something is wrong."""
    is_offered: Rule
    judge: Callable[[Subject], Mapping[int, DivisionResult]]
    is_of_ledger: bool = False
    """Whether it is one of those that only the ledger has, which have a job of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactCheck:
    """A check that compares with Exact, by calls."""

    name: str
    """As Dagster shows it."""
    description: str
    is_offered: Rule
    compare: Callable[[Subject, OpenClient, Collection[int]], Awaitable[CheckRun]]
    """Gets the divisions that Exact may be asked about."""
    advice: str
    """What to do where something is wrong."""
    is_of_ledger: bool = False
    """Whether it is one of those that only the ledger has, which have a job of their own."""
    calls_per_division: int = 0
    """Calls that it takes each time, as a rule, where all is well: planning counts on them."""


Check = RowCheck | StateCheck | ExactCheck
