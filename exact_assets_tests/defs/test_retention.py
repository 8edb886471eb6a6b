"""Old runs lose the events of their steps, and nothing that is known of assets."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.defs import tags
from exact_assets.defs.retention import trim_runs
from exact_assets_tests.installation import CHECKOUT

KEY = dg.AssetKey("one")
PARTITIONS = dg.StaticPartitionsDefinition(["a", "b"])
LATER = timedelta(days=1)


@dg.asset(partitions_def=PARTITIONS, check_specs=[dg.AssetCheckSpec("well", asset="one")])
def one(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads it
    context.log.info("a line that nobody reads any more")
    return dg.MaterializeResult(
        metadata={"rows": 7}, check_results=[dg.AssetCheckResult(passed=True, check_name="well")]
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    shutil.copy(CHECKOUT / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    if request.param == "postgresql":
        monkeypatch.setenv("DAGSTER_PG_URL", request.getfixturevalue("postgresql_url"))
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def run(instance: dg.DagsterInstance, partition: str, *, is_ours: bool = True) -> str:
    own = {tags.TAKES_LOCK: tags.TRUE} if is_ours else {}
    done = dg.materialize([one], instance=instance, partition_key=partition, tags=own)
    assert done.success
    return done.run_id


def kinds(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    types = (entry.dagster_event_type for entry in instance.all_logs(run_id))
    return {type_.value if type_ else "LOG" for type_ in types}


def known(instance: dg.DagsterInstance) -> object:
    """Return what Dagster tells of the asset: partitions, materialisations with metadata, checks, runs."""
    records = instance.fetch_materializations(KEY, limit=9).records
    check = dg.AssetCheckKey(KEY, "well")
    evaluations = instance.event_log_storage.get_asset_check_execution_history(check, limit=9)
    made = [(one.partition_key, one.asset_materialization) for one in records]
    return (
        instance.get_materialized_partitions(KEY),
        [(partition, event.metadata["rows"].value) for partition, event in made if event],
        [(one.run_id, one.status) for one in evaluations],
        [(one.run_id, one.status) for one in instance.get_runs()],
    )


def test_what_is_known_of_assets_stays_and_the_events_of_steps_go(instance: dg.DagsterInstance) -> None:
    runs = [run(instance, partition) for partition in ("a", "b")]
    before = known(instance)
    assert {"LOG", "STEP_START", "STEP_SUCCESS"} <= kinds(instance, runs[0])
    assert trim_runs(instance, frozenset(), location=None, before=datetime.now(UTC) + LATER).runs == 2
    assert known(instance) == before
    for run_id in runs:
        left = kinds(instance, run_id)
        assert {"PIPELINE_START", "PIPELINE_SUCCESS", "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"} <= left
        assert not [kind for kind in left if kind == "LOG" or kind.startswith(("STEP_", "ENGINE_", "HANDLED_"))]
    assert trim_runs(instance, frozenset(), location=None, before=datetime.now(UTC) + LATER).runs == 0


def test_young_runs_and_those_of_others_are_left_as_they_are(instance: dg.DagsterInstance) -> None:
    ours, theirs = run(instance, "a"), run(instance, "b", is_ours=False)
    assert trim_runs(instance, frozenset(), location=None, before=datetime.now(UTC) - LATER).runs == 0
    assert trim_runs(instance, frozenset(), location=None, before=datetime.now(UTC) + LATER).runs == 1
    assert "STEP_START" in kinds(instance, theirs)
    assert "STEP_START" not in kinds(instance, ours)


def test_what_comes_afterwards_is_kept_as_ever(instance: dg.DagsterInstance) -> None:
    run(instance, "a")
    trim_runs(instance, frozenset(), location=None, before=datetime.now(UTC) + LATER)
    again = run(instance, "a")
    assert "STEP_SUCCESS" in kinds(instance, again)
    assert instance.get_materialized_partitions(KEY) == {"a"}


def test_the_next_look_begins_where_the_last_one_ended(instance: dg.DagsterInstance) -> None:
    """Runs of years would else be read at every tick."""
    run(instance, "a")
    first = trim_runs(instance, frozenset(), location=None, before=datetime.now(UTC) + LATER)
    assert (first.runs, first.last is not None) == (1, True)
    again = run(instance, "b")
    then = trim_runs(instance, frozenset(), location=None, after=first.last, before=datetime.now(UTC) + LATER)
    assert then.runs == 1
    assert "STEP_START" not in kinds(instance, again)
