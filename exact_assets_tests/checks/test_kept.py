"""What becomes of results that are kept per division, and what is shown of all of them."""

from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.checks.kept import Kept, divisions_to_check, merged, newly_kept, outdated, results
from exact_assets.checks.result import CheckRun, CheckStatus, DivisionResult
from exact_assets.checks.summary import NOTHING_KNOWN, summarise, with_obstacle
from exact_assets.control.check_results import KeptResult

NOW = datetime(2026, 11, 26, 6, tzinfo=UTC)
CHECK = "keys_unique"
PASSED, WARNING, FAILED, NOT_CHECKED, NOT_APPLICABLE = CheckStatus


def kept(**divisions: CheckStatus) -> Kept:
    return {
        CHECK: {
            int(name.removeprefix("d")): KeptResult(
                status=status.value, words="so it was", rows=3, examples=(), checked_at=NOW - timedelta(days=1)
            )
            for name, status in divisions.items()
        }
    }


def run(**divisions: CheckStatus) -> CheckRun:
    found = {int(name.removeprefix("d")): DivisionResult(status=one) for name, one in divisions.items()}
    return CheckRun(check=CHECK, divisions=found)


def after(before: Kept, found: CheckRun, *, is_of_all: bool = False) -> dict[int, str]:
    changes = newly_kept(before, [found], at=NOW, is_of_all=is_of_all)
    return {division: one.status for division, one in merged(before, changes)[CHECK].items()}


@pytest.mark.parametrize("before", [FAILED, WARNING])
def test_what_is_wrong_is_not_forgotten_because_it_could_not_be_looked_at(before: CheckStatus) -> None:
    assert after(kept(d1=before), run(d1=NOT_CHECKED)) == {1: before.value}
    assert after(kept(d1=before), run(d1=PASSED)) == {1: "passed"}
    assert after(kept(d1=PASSED), run(d1=NOT_CHECKED)) == {1: "not checked"}


def test_a_run_in_some_divisions_leaves_the_others_and_one_in_all_forgets_those_that_are_gone() -> None:
    before = kept(d1=FAILED, d2=PASSED)
    assert after(before, run(d2=PASSED)) == {1: "failed", 2: "passed"}
    assert after(before, run(d2=PASSED), is_of_all=True) == {2: "passed"}


def test_a_run_that_met_an_obstacle_changes_nothing() -> None:
    before = kept(d1=FAILED, d2=PASSED)
    assert newly_kept(before, [CheckRun(check=CHECK, obstacle="held elsewhere")], at=NOW, is_of_all=True) == {}


def test_rows_that_changed_leave_what_was_wrong_and_nothing_green() -> None:
    before = kept(d1=FAILED, d2=PASSED, d3=PASSED)
    left = merged(before, outdated(before, [CHECK], {1, 2}))
    assert {division: one.status for division, one in left[CHECK].items()} == {1: "failed", 3: "passed"}
    assert divisions_to_check(left, [CHECK], [1, 2, 3, 4], changed=()) == {1, 2, 4}
    assert divisions_to_check(left, [CHECK], [3], changed=[3]) == {3}


def test_what_is_shown_is_never_better_than_the_worst_division() -> None:
    found = results(kept(d1=PASSED, d2=FAILED, d3=WARNING, d4=NOT_CHECKED)[CHECK])
    shown = summarise(CHECK, found, advice="reload")
    assert (shown.status, shown.divisions_checked, shown.advice) == (FAILED, 3, "reload")
    assert shown.summary == "2 of 3 divisions: 2: so it was; 3: so it was. 1 not checked."
    assert shown.oldest_at == NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("division", "status", "summary"),
    [
        (PASSED, PASSED, "Nothing wrong in 3 rows of 1 division."),
        (NOT_CHECKED, NOT_CHECKED, "Not checked: so it was."),
        (NOT_APPLICABLE, PASSED, "Nothing to check: so it was."),
    ],
)
def test_the_summary_says_whether_anything_was_looked_at(
    division: CheckStatus, status: CheckStatus, summary: str
) -> None:
    shown = summarise(CHECK, results(kept(d1=division)[CHECK]))
    assert (shown.status, shown.summary) == (status, summary)
    assert shown.advice is None


def test_of_a_table_without_streams_nothing_is_wrong() -> None:
    nothing = summarise(CHECK, {})
    assert (nothing.status, nothing.summary) == (PASSED, NOTHING_KNOWN)


def test_an_obstacle_leaves_red_red_and_makes_nothing_green() -> None:
    red = with_obstacle(summarise(CHECK, results(kept(d1=FAILED)[CHECK])), "the file is held elsewhere")
    green = with_obstacle(summarise(CHECK, results(kept(d1=PASSED)[CHECK])), "the file is held elsewhere")
    assert red.status is FAILED
    assert "so it was" in red.summary
    assert "held elsewhere" in red.summary
    assert (green.status, green.summary) == (NOT_CHECKED, "Not checked: the file is held elsewhere")


def test_no_more_divisions_are_named_than_anyone_reads() -> None:
    many = {division: DivisionResult(status=FAILED, words="1 wrong") for division in range(1, 500)}
    shown = summarise(CHECK, many)
    assert shown.summary.count("1 wrong") == 10
    assert "and 489 more" in shown.summary
