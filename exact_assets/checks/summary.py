"""From results per division to the one that is shown for a table: never better than that of the worst division."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from exact_assets.checks.result import WRONG, CheckResult, CheckStatus, DivisionResult

EXAMPLES = 20
"""Violations that are shown at most."""
DIVISIONS_NAMED = 10
"""Divisions that the summary names at most."""
NOTHING_KNOWN = "Nothing to check: the table was never loaded in any division."
_WORST_FIRST = (CheckStatus.FAILED, CheckStatus.WARNING, CheckStatus.PASSED, CheckStatus.NOT_CHECKED)

Results = Mapping[int, DivisionResult]
"""By division."""


def summarise(check: str, results: Results, *, advice: str | None = None, calls: int = 0) -> CheckResult:
    """Put the results of a check in all divisions together.

    Args:
        check: its name.
        results: of all divisions that are known.
        advice: what to do where something is wrong.
        calls: that were sent to Exact.
    """
    wrong = {division: one for division, one in sorted(results.items()) if one.status in WRONG}
    return CheckResult(
        check=check,
        status=_worst(results),
        summary=_summary(results, wrong),
        divisions_checked=len(_looked_at(results)),
        divisions={division: words for division, one in sorted(results.items()) if (words := _words(one))},
        examples=tuple(_examples(wrong))[:EXAMPLES],
        advice=advice if wrong else None,
        calls=calls,
        oldest_at=min((one.checked_at for one in results.values() if one.checked_at is not None), default=None),
    )


def not_run(check: str, obstacle: str) -> CheckResult:
    """Return that a check could not run."""
    return CheckResult(check=check, status=CheckStatus.NOT_CHECKED, summary=f"Not checked: {obstacle}")


def with_obstacle(result: CheckResult, obstacle: str) -> CheckResult:
    """Return a result that is kept, of a check that could not run this time: what was wrong still is."""
    if result.status in WRONG:
        return replace(result, summary=f"{result.summary} Not looked at again this time: {obstacle}")
    return not_run(result.check, obstacle)


def _worst(results: Results) -> CheckStatus:
    """Return the worst status; where nothing was there to be looked for, all is well."""
    found = {one.status for one in results.values()}
    return next((status for status in _WORST_FIRST if status in found), CheckStatus.PASSED)


def _looked_at(results: Results) -> Results:
    return {
        division: one
        for division, one in results.items()
        if one.status is CheckStatus.PASSED or one.status in WRONG
    }


def _words(result: DivisionResult) -> str:
    is_left_out = result.status in {CheckStatus.NOT_CHECKED, CheckStatus.NOT_APPLICABLE}
    return f"not checked: {result.words}" if is_left_out else result.words


def _examples(wrong: Results) -> Iterator[Mapping[str, Any]]:
    """Yield what shows that something is wrong, of those that failed first."""
    for status in (CheckStatus.FAILED, CheckStatus.WARNING):
        for result in wrong.values():
            if result.status is status:
                yield from result.examples


def _summary(results: Results, wrong: Results) -> str:
    looked = _looked_at(results)
    if not results:
        return NOTHING_KNOWN
    if not looked:
        reason = next(iter(sorted(results.items())))[1]
        start = "Nothing to check" if _worst(results) is CheckStatus.PASSED else "Not checked"
        return f"{start}: {reason.words}."
    left_out = len(results) - len(looked)
    rest = f" {left_out} not checked." if left_out else ""
    divisions = "1 division" if len(looked) == 1 else f"{len(looked)} divisions"
    if not wrong:
        rows = [one.rows for one in looked.values() if one.rows is not None]
        of_rows = f"{sum(rows):,} row{'' if sum(rows) == 1 else 's'} of " if rows else ""
        return f"Nothing wrong in {of_rows}{divisions}.{rest}"
    named = "; ".join(f"{division}: {one.words}" for division, one in list(wrong.items())[:DIVISIONS_NAMED])
    more = f"; and {len(wrong) - DIVISIONS_NAMED} more" if len(wrong) > DIVISIONS_NAMED else ""
    return f"{len(wrong)} of {divisions}: {named}{more}.{rest}"
