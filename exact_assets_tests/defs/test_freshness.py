"""What Dagster is told of freshness, and how often."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from exact_assets.control.attempts import Attempt
from exact_assets.defs.freshness import AGAIN_AFTER, NAMED, Look, description_of, metadata, news
from exact_assets.defs.translator import ExactTableProps, ExactTranslator
from exact_assets.selection.freshness import TableFreshness, judge_table
from exact_assets_tests.tables import table

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TABLE = table()
GOOD = Attempt(attempted_at=NOW, succeeded_at=NOW, expected_since=NOW)


def freshness(*, refused: int, good: int = 1, reason: str = "Not granted.", now: datetime = NOW) -> TableFreshness:
    bad = Attempt(attempted_at=NOW, expected_since=NOW, error_kind="ForbiddenError", error=reason)
    attempts = {division: {TABLE.name: bad if division < refused else GOOD} for division in range(refused + good)}
    return judge_table(TABLE, sorted(attempts), attempts, now=now)


def test_a_result_is_told_when_it_changes_and_not_when_it_only_grows_older() -> None:
    told = news({TABLE: freshness(refused=0)}, {}, now=NOW)
    assert set(told) == {TABLE.name}
    assert (
        news({TABLE: freshness(refused=0, now=NOW + timedelta(minutes=30))}, told, now=NOW + timedelta(minutes=30))
        == {}
    )
    assert set(news({TABLE: freshness(refused=1)}, told, now=NOW)) == {TABLE.name}


def test_a_result_with_other_reasons_is_another() -> None:
    told = news({TABLE: freshness(refused=1)}, {}, now=NOW)
    assert news({TABLE: freshness(refused=1)}, told, now=NOW) == {}
    assert set(news({TABLE: freshness(refused=1, reason="Blocked.")}, told, now=NOW)) == {TABLE.name}


def test_another_holder_of_the_same_store_is_no_news() -> None:
    first, second, other = (
        {TABLE: Look(error=why).judge(TABLE, now=NOW, since=NOW)}
        for why in ("held by PID 12.", "held by PID 345.", "damaged.")
    )
    told = news(first, {}, now=NOW)
    assert news(second, told, now=NOW) == {}
    assert set(news(other, told, now=NOW)) == {TABLE.name}


def test_a_result_that_stays_is_told_again_now_and_then() -> None:
    told = news({TABLE: freshness(refused=1)}, {}, now=NOW)
    assert set(news({TABLE: freshness(refused=1)}, told, now=NOW + AGAIN_AFTER)) == {TABLE.name}


def test_divisions_and_reasons_are_named_as_far_as_anyone_reads() -> None:
    few = description_of(freshness(refused=2))
    assert few == "2 of 3 divisions are not fresh.\n0: Not granted.\n1: Not granted."
    many = freshness(refused=500)
    assert len(description_of(many).splitlines()) == NAMED + 2
    stale = metadata(many)["stale"].value
    assert isinstance(stale, dict)
    assert len(stale) == 100


def test_a_table_without_divisions_and_a_fresh_one_say_so() -> None:
    assert description_of(judge_table(TABLE, [], {}, now=NOW)) == "No division is enabled."
    assert description_of(freshness(refused=0, good=3)) == "Enabled divisions: 3. All are fresh."


def test_the_policy_follows_the_tables_frequency() -> None:
    props = ExactTableProps(table=TABLE, start_year=2022, warehouse_kind="duckdb")
    policy = ExactTranslator().get_asset_spec(props).freshness_policy
    assert policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=13), warn_window=timedelta(hours=7))
