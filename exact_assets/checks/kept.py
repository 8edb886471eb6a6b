"""What becomes of results that are kept per division: when they are found again, outdated, or put together.

A result holds for the rows that it saw. Pure functions: what is kept in, what is to be kept out.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from exact_assets.checks.result import WRONG, CheckRun, CheckStatus, DivisionResult
from exact_assets.control.check_results import KeptResult

Kept = Mapping[str, Mapping[int, KeptResult]]
"""Results of a table's checks, by check and division."""
NewlyKept = Mapping[str, Mapping[int, KeptResult | None]]
"""What is to be kept from now on, likewise; None: nothing."""
_SETTLED = frozenset({CheckStatus.PASSED, CheckStatus.NOT_APPLICABLE})


def divisions_to_check(
    kept: Kept, checks: Collection[str], divisions: Iterable[int], *, changed: Collection[int]
) -> frozenset[int]:
    """Return the divisions to look at: those whose rows changed, and those in which not all is known to be well."""
    return frozenset(
        division
        for division in divisions
        if division in changed
        or any((one := kept.get(check, {}).get(division)) is None or one.status not in _SETTLED for check in checks)
    )


def outdated(kept: Kept, checks: Collection[str], divisions: Collection[int]) -> NewlyKept:
    """Return what is left of results where rows have changed since: what was wrong, until it is looked at again."""
    return {
        check: {
            division: None
            for division, one in kept.get(check, {}).items()
            if division in divisions and one.status not in WRONG
        }
        for check in checks
    }


def newly_kept(kept: Kept, runs: Iterable[CheckRun], *, at: datetime, is_of_all: bool) -> NewlyKept:
    """Return what is to be kept after runs of checks.

    What is wrong is not forgotten because it could not be looked at this time.

    Args:
        kept: what was kept before.
        runs: what was found.
        at: our clock.
        is_of_all: whether all divisions were looked at, so that others are not there any more.
    """
    changes: dict[str, dict[int, KeptResult | None]] = {}
    for run in runs:
        if run.obstacle is not None:
            continue
        before = kept.get(run.check, {})
        changes[run.check] = {division: None for division in before if is_of_all and division not in run.divisions}
        for division, result in run.divisions.items():
            is_still_wrong = division in before and before[division].status in WRONG
            if result.status is not CheckStatus.NOT_CHECKED or not is_still_wrong:
                changes[run.check][division] = _kept(result, at=at)
    return changes


def merged(kept: Kept, changes: NewlyKept) -> Kept:
    """Return what is kept after changes."""
    return {
        check: {
            division: one
            for division, one in {**kept.get(check, {}), **changes.get(check, {})}.items()
            if one is not None
        }
        for check in kept.keys() | changes.keys()
    }


def results(kept: Mapping[int, KeptResult]) -> Mapping[int, DivisionResult]:
    """Return what is kept of a check as results."""
    return {
        division: DivisionResult(
            status=CheckStatus(one.status),
            words=one.words,
            rows=one.rows,
            examples=one.examples,
            checked_at=one.checked_at,
        )
        for division, one in kept.items()
    }


def _kept(result: DivisionResult, *, at: datetime) -> KeptResult:
    examples = tuple(
        {name: None if value is None else str(value) for name, value in example.items()}
        for example in result.examples
    )
    return KeptResult(
        status=result.status.value, words=result.words, rows=result.rows, examples=examples, checked_at=at
    )
