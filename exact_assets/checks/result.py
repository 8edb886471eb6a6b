"""What becomes of a check: values only, and nothing about how it was found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class CheckStatus(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    WARNING = "warning"
    """Something is wrong that the next load may fix."""
    FAILED = "failed"
    NOT_CHECKED = "not checked"
    """Nothing is said about the rows."""


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


def not_checked(check: str, reason: str) -> CheckResult:
    """Return that nothing could be looked at."""
    return CheckResult(check=check, status=CheckStatus.NOT_CHECKED, summary=f"Not checked: {reason}")


def never_loaded(check: str) -> CheckResult:
    """Return that there is nothing to look at."""
    return CheckResult(
        check=check,
        status=CheckStatus.PASSED,
        summary="Nothing to check: the table was never loaded in any division.",
    )
