"""What Dagster is told of an outcome."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from exact_assets.catalogue.table import Table, YearKind
from exact_assets.cursors import SyncCursor
from exact_assets.defs.events import failure, materialisations, newly_loaded, waiting
from exact_assets.errors import DayQuotaError, DivisionNotGrantedError
from exact_assets.exact.limits import Quota, Window
from exact_assets.request import Outcome
from exact_assets.stream import Chain, Changes, StreamState
from exact_assets_tests.tables import table

KEY = dg.AssetKey(["exact", "financialtransaction_transaction_lines"])
GRID = range(2022, 2027)


def outcome(
    *,
    division: int = 100,
    years: dict[int | None, int] | None = None,
    row_counts: dict[int | None, int] | None = None,
    loaded: tuple[int, ...] = (),
) -> Outcome:
    return Outcome(
        division=division,
        changes=Changes(updated=sum((years or {}).values()), years=years or {}),
        calls=1,
        state=StreamState(load_seq=1, cursor=SyncCursor(timestamp=42), years=loaded),
        row_counts=row_counts or {},
    )


def recorded(of: Table, result: Outcome, requested_years: tuple[int, ...] = (2026,)) -> dict[str | None, int]:
    return {
        event.partition: int(str(event.metadata["dagster/partition_row_count"].value))
        for event in materialisations(KEY, result, requested_years=requested_years, grid_years=GRID)
    }


def test_a_requested_partition_is_recorded_though_nothing_changed() -> None:
    assert recorded(table(), outcome(row_counts={2026: 7})) == {"100|2026": 7}


def test_another_year_is_recorded_only_when_its_rows_changed() -> None:
    result = outcome(years={2024: 1}, row_counts={2023: 5, 2024: 6, 2026: 7})
    assert recorded(table(), result) == {"100|2024": 6, "100|2026": 7}


def test_a_year_that_was_never_loaded_is_not_recorded_when_a_catch_up_brings_rows_of_it() -> None:
    result = outcome(years={2023: 1, 2025: 2}, loaded=(2025, 2026))
    assert set(recorded(table(), result)) == {"100|2025", "100|2026"}


def test_the_first_year_holds_all_earlier_rows() -> None:
    result = outcome(years={2015: 3}, row_counts={2010: 1, 2015: 3, 2022: 2})
    assert recorded(table(year_kind=YearKind.CREATED), result, ()) == {"100|2022": 6}


def test_a_coming_year_has_no_partition_yet() -> None:
    assert recorded(table(), outcome(years={2027: 1}), ()) == {}


def test_rows_without_a_year_are_in_the_first_years_partition() -> None:
    result = outcome(years={None: 2}, row_counts={None: 9})
    assert recorded(table(year_kind=YearKind.NONE), result, (2026,)) == {"100|2022": 9, "100|2026": 0}


def test_a_failed_division_is_not_recorded_and_is_named_with_its_reason() -> None:
    refused = Outcome(division=300, error=DivisionNotGrantedError("division 300 is not granted to the app"))
    assert recorded(table(), refused) == {}
    told = failure(table(), [outcome(), refused])
    assert told is not None
    assert "300: division 300 is not granted to the app" in (told.description or "")
    assert "1 of 2 divisions" in (told.description or "")


def test_calls_that_are_used_up_are_told_and_unknown_limits_are_not() -> None:
    used_up = replace(outcome(), quota=Quota(minute=Window(limit=60, remaining=0)))
    [event] = materialisations(KEY, used_up, requested_years=(2026,), grid_years=GRID)
    assert event.metadata["calls_left"].value == "0 this minute"


def test_there_is_no_failure_when_all_divisions_are_up_to_date() -> None:
    assert failure(table(), [outcome(), outcome(division=200)]) is None


def waits(division: int) -> Outcome:
    error = DayQuotaError(
        "the day's calls are used", resets_at=datetime(2026, 11, 25, tzinfo=UTC), division=division
    )
    return Outcome(division=division, error=error)


def test_a_division_that_waits_for_calls_is_no_failure_and_is_not_recorded() -> None:
    assert recorded(table(), waits(200)) == {}
    assert failure(table(), [outcome(), waits(200)]) is None
    told = waiting(KEY, table(), [outcome(), waits(200)])
    assert told is not None
    assert "1 divisions of crm_accounts are partly up to date" in (told.description or "")
    assert "after 2026-11-25 00:00 UTC" in (told.description or "")
    assert told.metadata["waiting_divisions"].value == {"200": "the day's calls are used"}


def test_nothing_is_said_of_waiting_when_nothing_waits() -> None:
    refused = Outcome(division=300, error=DivisionNotGrantedError("division 300 is not granted to the app"))
    assert waiting(KEY, table(), [outcome(), refused]) is None


def test_a_failure_counts_neither_what_waits_nor_what_is_done() -> None:
    refused = Outcome(division=300, error=DivisionNotGrantedError("division 300 is not granted to the app"))
    told = failure(table(), [outcome(), waits(200), refused])
    assert told is not None
    assert "1 of 3 divisions" in (told.description or "")
    assert told.metadata["divisions_up_to_date"].value == 1


def test_the_end_of_a_load_is_the_news_of_all_its_years() -> None:
    cut = StreamState(load_seq=3, cursor=SyncCursor(timestamp=42), chain=Chain(link="…"))
    for before in (StreamState(), cut):
        assert newly_loaded(replace(outcome(), before=before), GRID) == tuple(GRID)
    assert newly_loaded(replace(outcome(), before=StreamState(cursor=SyncCursor(timestamp=41))), GRID) == ()
    assert newly_loaded(replace(outcome(), before=StreamState(), state=cut), GRID) == ()
    by_year = replace(
        outcome(loaded=(2024, 2025, 2026)), before=StreamState(cursor=SyncCursor(timestamp=41), years=(2026,))
    )
    assert newly_loaded(by_year, GRID) == (2024, 2025)
    assert newly_loaded(replace(outcome(), before=StreamState()), GRID) == tuple(GRID)
