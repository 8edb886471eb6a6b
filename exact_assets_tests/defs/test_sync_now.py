"""What becomes of `sync_now`: decisions alone, without Dagster or a warehouse."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.control.attempts import Attempt, Attempts
from exact_assets.defs.sync_now import (
    MOST_AT_ONCE,
    START_WITHIN,
    Memory,
    RunEnd,
    SeenRun,
    SyncDecision,
    asked_at,
    decide_sync,
    kept_open,
    result_of,
)
from exact_assets.warehouse.divisions import DivisionChoice

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
JOBS = ("dated", "undated")
EMPTY = Memory(number=5)


def choice(division: int, *, sync_now: bool = True, sync_enabled: bool = True) -> DivisionChoice:
    return DivisionChoice(division=division, sync_now=sync_now, sync_enabled=sync_enabled)


def look(
    choices: list[DivisionChoice],
    memory: Memory = EMPTY,
    *,
    runs: dict[str, SeenRun] | None = None,
    attempts: Attempts | None = None,
    later: timedelta = timedelta(0),
) -> SyncDecision:
    return decide_sync(
        choices,
        memory=memory,
        runs=runs or {},
        jobs=JOBS,
        askable={one.division for one in choices if one.sync_enabled},
        attempts=attempts or {},
        now=NOW + later,
    )


def keys(decision: SyncDecision) -> list[str]:
    return [one.run_key(job) for one in decision.asked for job in JOBS]


def ends(decision: SyncDecision, *how: RunEnd | None, reason: str = "") -> dict[str, SeenRun]:
    return {
        key: SeenRun(run_id="0123456789", end=end, reason=reason)
        for key, end in zip(keys(decision), how, strict=True)
    }


def test_a_request_gets_runs_once() -> None:
    first = look([choice(1)])
    assert keys(first) == ["sync-now/5/1/dated", "sync-now/5/1/undated"]
    second = look([choice(1)], first.memory, later=timedelta(seconds=30))
    assert (second.asked, second.ended) == ((), frozenset())
    assert asked_at(1, second.memory) == NOW


def test_a_look_that_is_repeated_after_a_kill_asks_for_the_same_runs() -> None:
    assert keys(look([choice(1)], EMPTY)) == keys(look([choice(1)], EMPTY, later=timedelta(minutes=1)))


def test_the_next_request_of_a_division_gets_other_runs() -> None:
    first = look([choice(1)])
    done = look([choice(1)], first.memory, runs=ends(first, RunEnd.SUCCEEDED, RunEnd.SUCCEEDED))
    assert done.ended == {1}
    assert done.asked == ()
    again = look([choice(1)], done.memory)
    assert not set(keys(first)) & set(keys(again))


def test_a_request_is_over_only_when_all_its_runs_are() -> None:
    first = look([choice(1)])
    assert look([choice(1)], first.memory, runs=ends(first, RunEnd.SUCCEEDED, None)).ended == frozenset()
    assert look([choice(1)], first.memory, runs=ends(first, RunEnd.FAILED, RunEnd.SUCCEEDED)).ended == {1}


def test_disabled_divisions_and_those_without_a_request_get_nothing() -> None:
    assert look([choice(1, sync_enabled=False), choice(2, sync_now=False)]).asked == ()


def test_more_than_some_at_once_wait_for_their_turn() -> None:
    everyone = [choice(division) for division in range(1, MOST_AT_ONCE + 4)]
    first = look(everyone)
    assert len(first.asked) == MOST_AT_ONCE
    assert len(first.queued) == 3
    done = {key: SeenRun(run_id="r", end=RunEnd.SUCCEEDED) for key in keys(first)[:2]}
    second = look(everyone, first.memory, runs=done)
    assert [one.division for one in second.asked] == [MOST_AT_ONCE + 1]
    assert len(second.queued) == 2


def test_a_cancelled_run_is_told_until_there_is_news() -> None:
    first = look([choice(1)])
    done = look([choice(1)], first.memory, runs=ends(first, RunEnd.CANCELLED, RunEnd.SUCCEEDED))
    assert result_of(1, done.memory) == "cancelled: run 01234567 was stopped in Dagster"
    quiet = look([choice(1, sync_now=False)], done.memory, later=timedelta(minutes=1))
    assert result_of(1, quiet.memory) is not None
    attempted = Attempt(attempted_at=NOW + timedelta(seconds=90), expected_since=NOW)
    error = replace(attempted, error_kind="ForbiddenError", error="No.")
    missed = Attempt(expected_since=NOW)
    for attempts, is_told in (
        ({"log": attempted, "accounts": missed}, True),
        ({"log": error, "accounts": missed}, False),
        ({"log": attempted, "accounts": attempted}, False),
    ):
        after = look([choice(1, sync_now=False)], quiet.memory, attempts={1: attempts}, later=timedelta(minutes=2))
        assert (result_of(1, after.memory) is not None) is is_told


def test_a_failure_that_the_attempts_explain_is_left_to_them() -> None:
    first = look([choice(1)])
    attempts = {
        1: {"a": Attempt(attempted_at=NOW + timedelta(seconds=5), error_kind="ForbiddenError", error="No.")}
    }
    runs = ends(first, RunEnd.FAILED, RunEnd.SUCCEEDED, reason="Steps failed")
    assert result_of(1, look([choice(1)], first.memory, runs=runs, attempts=attempts).memory) is None
    before = {1: {"a": Attempt(attempted_at=NOW - timedelta(hours=5), error_kind="ForbiddenError", error="No.")}}
    told = result_of(1, look([choice(1)], first.memory, runs=runs, attempts=before).memory)
    assert told == "failed: run 01234567: Steps failed"


def test_a_run_that_cannot_be_found_is_waited_for_and_then_given_up() -> None:
    first = look([choice(1)])
    assert look([choice(1)], first.memory, later=START_WITHIN / 2).ended == frozenset()
    late = look([choice(1)], first.memory, later=START_WITHIN)
    assert late.ended == {1}
    assert "was not started, or was deleted" in (result_of(1, late.memory) or "")


def test_an_end_that_could_not_be_written_is_not_forgotten() -> None:
    first = look([choice(1), choice(2)])
    runs = ends(first, *[RunEnd.CANCELLED] * 4)
    done = look([choice(1), choice(2)], first.memory, runs=runs)
    kept = kept_open(done.memory, first.memory, {2})
    again = look([choice(1, sync_now=False), choice(2)], kept, runs=runs)
    assert again.asked == ()
    assert again.ended == {2}
    assert result_of(2, again.memory) is not None


@pytest.mark.parametrize("sync_enabled", [True, False])
def test_runs_of_a_division_whose_request_was_withdrawn_are_still_followed(sync_enabled: bool) -> None:
    first = look([choice(1)])
    withdrawn = [choice(1, sync_now=False, sync_enabled=sync_enabled)]
    assert asked_at(1, look(withdrawn, first.memory).memory) == NOW
    done = look(withdrawn, first.memory, runs=ends(first, RunEnd.SUCCEEDED, RunEnd.SUCCEEDED))
    assert done.memory.requests == ()
