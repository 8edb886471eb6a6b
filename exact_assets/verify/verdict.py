"""What became of a check: values, and the words for them. No I/O, and nothing about how it was found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from exact_assets.catalogue.checks import Check
from exact_assets.warehouse.probes import Tally, Violations


class Result(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    MAYBE = "maybe"
    """Something is amiss that may pass by itself with the next load."""
    WRONG = "wrong"
    NOT_CHECKED = "not checked"
    """Nothing is said about the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of one check of a table, over all its divisions."""

    check: Check
    result: Result
    summary: str
    divisions_checked: int = 0
    divisions: Mapping[int, str] = field(default_factory=dict)
    """What was found, or why nothing was looked for, per division; those without anything to say are not in it."""
    examples: tuple[Mapping[str, Any], ...] = ()
    advice: str | None = None
    """What to do."""
    calls: int = 0
    """Calls that were sent to Exact."""


ADVICE = {
    Check.KEYS_UNIQUE: (
        "Reload the divisions named (mode: reload). If doubles come back, the table in the warehouse has lost its "
        "primary key: drop it there and load it anew."
    ),
    Check.OWN_DIVISION: (
        "Rows of a division that was never asked for came from elsewhere: delete them. Where the selection lacks "
        "the division, run `exact-assets divisions refresh`. Where two divisions have one record, reload both."
    ),
    Check.YEAR_IN_PARTITION: "Reload the division and year that the row is in, and the year it belongs to.",
    Check.HAS_HEADER: "Load the table of the headers, then this one; if the lines are still there, reload it.",
    Check.ROW_COUNT: "Load the divisions named; where the counts still differ, reload them (mode: reload).",
    Check.DEBITS_EQUAL_CREDITS: "Load the ledger of the divisions named; if it stays so, reload the year named.",
    Check.BALANCES_EQUAL_EXACT: (
        "Load the ledger and the reporting balance of the divisions named; if a difference stays, reload the year "
        "of the ledger, and look at the entries named in Exact Online."
    ),
}


def not_checked(check: Check, reason: str) -> Verdict:
    """Say that nothing could be looked at."""
    return Verdict(check=check, result=Result.NOT_CHECKED, summary=f"Not checked: {reason}")


def never_loaded(check: Check) -> Verdict:
    """Say that there is nothing to look at."""
    return Verdict(
        check=check, result=Result.PASSED, summary="Nothing to check: the table was never loaded in any division."
    )


def of_violations(
    check: Check,
    found: Violations,
    *,
    checked: int,
    skipped: Mapping[int, str] | None = None,
    outside: Mapping[int, str] | None = None,
) -> Verdict:
    """Judge what was found: anything certain is wrong, the rest may pass.

    Where all divisions were skipped, nothing was checked; those that are outside are none of the check's business.
    """
    tallies = found.tallies
    left_out = {**(skipped or {}), **(outside or {})}
    notes = {division: f"not checked: {why}" for division, why in left_out.items()}
    notes |= {division: _words(tally) for division, tally in tallies.items()}
    result = Result.PASSED
    if tallies:
        result = Result.WRONG if any(tally.certain for tally in tallies.values()) else Result.MAYBE
    elif skipped and not checked:
        result = Result.NOT_CHECKED
    return Verdict(
        check=check,
        result=result,
        summary=_summary(found, checked=checked, skipped=len(left_out)),
        divisions_checked=checked,
        divisions=notes,
        examples=found.examples,
        advice=ADVICE[check] if tallies else None,
    )


def _words(tally: Tally) -> str:
    parts = []
    if tally.certain:
        parts.append(f"{tally.certain:,} wrong")
    if tally.maybe:
        parts.append(f"{tally.maybe:,} that the next load may mend")
    return ", ".join(parts)


def _summary(found: Violations, *, checked: int, skipped: int) -> str:
    count = sum(tally.certain + tally.maybe for tally in found.tallies.values())
    left_out = f" {skipped} not checked." if skipped else ""
    divisions = "1 division" if checked == 1 else f"{checked} divisions"
    if not found.tallies:
        return f"Nothing is amiss in {divisions}.{left_out}"
    named = sorted(found.tallies)
    shown = ", ".join(map(str, named[:10])) + (" and others" if len(named) > 10 else "")
    return f"{count:,} violation{'' if count == 1 else 's'}, in {len(named)} of {divisions}: {shown}.{left_out}"
