"""Verdicts of checks stay on show: told again, with their first time, when a table was materialised after them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.build import build_defs
from exact_assets.config import ExactConfig
from exact_assets.defs.shown import AS_OF, again, hidden_checks, is_hidden

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
KEY = dg.AssetCheckKey(dg.AssetKey(["exact", "crm_accounts"]), "keys_unique")


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


def hidden(told: int, materialised: int | None, *, is_verdict: bool = True, is_under_way: bool = False) -> bool:
    """Both in minutes ago."""
    return is_hidden(
        told_at=NOW - told * MINUTE,
        is_verdict=is_verdict,
        is_under_way=is_under_way,
        materialised_at=None if materialised is None else NOW - materialised * MINUTE,
        now=NOW,
    )


def test_a_verdict_newer_than_its_table_or_of_one_never_materialised_stands() -> None:
    assert not hidden(told=1, materialised=2)
    assert not hidden(told=1, materialised=None)


def test_a_verdict_older_than_its_table_is_hidden_once_the_table_has_come_to_rest() -> None:
    assert hidden(told=5, materialised=2)
    assert not hidden(told=5, materialised=0), "a run is still recording partitions"
    assert hidden(told=11, materialised=0), "a table that is never quiet does not hide its verdicts for ever"


def test_a_check_that_a_run_planned_and_skipped_is_hidden_and_one_that_is_under_way_is_not() -> None:
    assert hidden(told=2, materialised=3, is_verdict=False)
    assert not hidden(told=2, materialised=3, is_verdict=False, is_under_way=True)


def test_what_is_told_again_keeps_its_words_and_the_time_of_the_first_telling() -> None:
    first = dg.AssetCheckEvaluation(
        asset_key=KEY.asset_key,
        check_name=KEY.name,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="2 keys stand twice",
    )
    second = again(first, of=NOW)
    third = again(second, of=NOW + MINUTE)
    assert (third.passed, third.severity, third.description) == (False, first.severity, first.description)
    assert third.metadata[AS_OF].value == second.metadata[AS_OF].value == NOW.timestamp()


def test_a_materialisation_hides_a_verdict_in_dagster_and_the_sensor_brings_it_back(
    instance: dg.DagsterInstance,
) -> None:
    later = datetime.now(UTC) + 5 * MINUTE
    tell(instance, passed=False)
    assert list(hidden_checks(instance, [KEY], now=later)) == []
    materialise(instance)
    assert list(hidden_checks(instance, [KEY], now=later)) == [KEY]
    for event in _tick(instance):
        instance.report_runless_asset_event(event)
    assert list(hidden_checks(instance, [KEY], now=later)) == [KEY], "the table has not come to rest yet"


def test_a_check_that_was_never_evaluated_stays_so(instance: dg.DagsterInstance) -> None:
    materialise(instance)
    assert list(hidden_checks(instance, [KEY], now=datetime.now(UTC) + 5 * MINUTE)) == []
    assert _tick(instance) == []


def test_the_sensor_tells_the_last_verdict_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exact_assets.defs.shown.QUIET", timedelta(0))
    tell(instance, passed=True)
    tell(instance, passed=False)
    materialise(instance)
    [event] = _tick(instance)
    assert (event.passed, event.metadata["examples"].value) == (False, 2)
    time.sleep(1.1)  # Dagster keeps whole seconds of it
    instance.report_runless_asset_event(event)
    assert _tick(instance) == []


def _tick(instance: dg.DagsterInstance) -> list[dg.AssetCheckEvaluation]:
    defs = build_defs(ExactConfig.from_env(tables="crm_accounts"))
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        done = defs.resolve_sensor_def("exact_check_results").evaluate_tick(context)
    return [event for event in done.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
