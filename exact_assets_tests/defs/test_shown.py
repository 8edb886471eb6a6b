"""Which results of checks Dagster does not show any more."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.defs.shown import hidden_checks, is_hidden

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
KEY = dg.AssetCheckKey(dg.AssetKey(["exact", "crm_accounts"]), "fresh")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def tell(instance: dg.DagsterInstance, *, passed: bool) -> None:
    evaluation = dg.AssetCheckEvaluation(
        asset_key=KEY.asset_key, check_name=KEY.name, passed=passed, metadata={"examples": 2}
    )
    instance.report_runless_asset_event(evaluation)


def materialise(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY.asset_key, partition="100|2026"))


def hidden(told: int, materialised: int | None, *, is_evaluated: bool = True, is_under_way: bool = False) -> bool:
    """Both in minutes ago."""
    return is_hidden(
        told_at=NOW - told * MINUTE,
        is_evaluated=is_evaluated,
        is_under_way=is_under_way,
        materialised_at=None if materialised is None else NOW - materialised * MINUTE,
        now=NOW,
    )


def test_a_result_newer_than_its_table_or_of_one_never_materialised_stands() -> None:
    assert not hidden(told=1, materialised=2)
    assert not hidden(told=1, materialised=None)


def test_a_result_older_than_its_table_is_hidden_once_the_table_has_come_to_rest() -> None:
    assert hidden(told=5, materialised=2)
    assert not hidden(told=5, materialised=0), "a run is still recording partitions"
    assert hidden(told=11, materialised=0), "a table that is never quiet does not hide its results for ever"


def test_a_check_that_a_run_planned_and_skipped_is_hidden_and_one_that_is_under_way_is_not() -> None:
    assert hidden(told=2, materialised=3, is_evaluated=False)
    assert not hidden(told=2, materialised=3, is_evaluated=False, is_under_way=True)


def test_a_materialisation_hides_a_result_in_dagster(
    instance: dg.DagsterInstance,
) -> None:
    later = datetime.now(UTC) + 5 * MINUTE
    tell(instance, passed=False)
    assert list(hidden_checks(instance, [KEY], now=later)) == []
    materialise(instance)
    assert list(hidden_checks(instance, [KEY], now=later)) == [KEY]


def test_a_check_that_was_never_evaluated_stays_so(instance: dg.DagsterInstance) -> None:
    materialise(instance)
    assert list(hidden_checks(instance, [KEY], now=datetime.now(UTC) + 5 * MINUTE)) == []
