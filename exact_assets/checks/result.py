"""What becomes of a check, per division and over all: values only, and nothing about how it was found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class CheckStatus(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    WARNING = "warning"
    """Something is wrong that the next load may fix."""
    FAILED = "failed"
    NOT_CHECKED = "not checked"
    """Nothing is said about the rows: they could not be looked at this time."""
    NOT_APPLICABLE = "not applicable"
    """There is nothing to look for as the division is loaded; no load to come changes that by itself."""


WRONG = frozenset({CheckStatus.FAILED, CheckStatus.WARNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionResult:
    """The outcome of a check in one division."""

    status: CheckStatus
    words: str = ""
    """What was found, or why nothing was looked for; empty: there is nothing to say."""
    rows: int | None = None
    """How many rows were looked at; None: that was not counted."""
    examples: tuple[Mapping[str, Any], ...] = ()
    checked_at: datetime | None = None
    """Our clock; None: just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """What running a check once found out, per division."""

    check: str
    """The check's name."""
    divisions: Mapping[int, DivisionResult] = field(default_factory=dict)
    calls: int = 0
    """Calls that were sent to Exact."""
    obstacle: str | None = None
    """Why it could not run: nothing new is known. None: it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The outcome of one check of a table, over all its divisions."""

    check: str
    """The check's name."""
    status: CheckStatus
    summary: str
    divisions_checked: int = 0
    divisions: Mapping[int, str] = field(default_factory=dict)
    """What was found, or why nothing was looked for, per division; those without anything to say are not in it."""
    examples: tuple[Mapping[str, Any], ...] = ()
    advice: str | None = None
    """What to do."""
    calls: int = 0
    """Calls that were sent to Exact."""
    oldest_at: datetime | None = None
    """When the oldest of the results was found that this one rests on; None: all were found just now."""
