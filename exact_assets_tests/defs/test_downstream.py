"""A project around our assets on a real `dagster dev`: what is downstream runs with them, or is asked for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import dagster as dg
import pytest

from exact_assets.demo.processes import free_port, running, wait_for
from exact_assets.demo.webserver import LOCATION, Webserver
from exact_assets_tests.installation import Installation, installation

YEAR = datetime.now(UTC).year
ACCOUNTS = dg.AssetKey(["exact", "crm_accounts"])
BELOW, MODEL = dg.AssetKey("customers_told"), dg.AssetKey("customers_by_division")
OURS = dg.AssetKey(["exact_bi", "dim_relation"])
"""A business model, which follows by a sensor of ours."""
PROJECT = """
import dagster as dg

from exact_assets.build import build_defs

ACCOUNTS = dg.AssetKey(["exact", "crm_accounts"])


@dg.asset(deps=[ACCOUNTS])
def customers_told() -> None:
    ...


@dg.asset(
    deps=[dg.AssetDep(ACCOUNTS, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("division"))],
    partitions_def=dg.DynamicPartitionsDefinition(name="exact_divisions"),
    automation_condition=dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing()),
)
def customers_by_division() -> None:
    ...


automation = dg.AutomationConditionSensorDefinition(
    "automation",
    target=[customers_by_division],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=5,
)
defs = dg.Definitions.merge(
    build_defs(), dg.Definitions(assets=[customers_told, customers_by_division], sensors=[automation])
)
"""
pytestmark = pytest.mark.timeout(500)

QUIET_SECONDS = 20.0

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Project:
    """A running project and its Dagster's storage."""

    place: Installation
    dagster: Webserver
    instance: dg.DagsterInstance

    def materialised(self, key: dg.AssetKey, *, run_id: str | None = None) -> list[str | None]:
        """Return the partitions of an asset's materialisations, oldest first."""
        filtered = dg.AssetRecordsFilter(asset_key=key)
        records = self.instance.fetch_materializations(filtered, limit=1000, ascending=True).records
        return [one.partition_key for one in records if run_id in (None, one.run_id)]

    def load(self, *keys: dg.AssetKey, first: int, last: int) -> str:
        """Launch one run of assets as the UI does it, and wait for its end."""
        tags = {
            "dagster/asset_partition_range_start": f"{first}|{YEAR - 1}",
            "dagster/asset_partition_range_end": f"{last}|{YEAR}",
        }
        run_id = self.dagster.launch_keys([key.path for key in keys], tags=tags)
        assert list(self.dagster.follow(run_id, timeout_seconds=200))[-1] == {"status": "SUCCESS"}
        return run_id


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("downstream")
    with installation(folder, divisions=3, rows=60) as place:
        place.enable(*place.divisions)
        (place.folder / "project.py").write_text(PROJECT)
        chosen = {"EXACT_TABLES": "crm_accounts", "EXACT_FREQUENCIES": "all=1m"}
        yield from running_project(place, place.folder / "project.py", environment={**place.environment, **chosen})


def running_project(place: Installation, file: Path, *, environment: dict[str, str]) -> Iterator[Project]:
    log, port = place.folder / "dagster.log", free_port()
    # The name under which the webserver is asked, which is that of our own workspace.
    workspace = place.folder / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - python_file:\n      relative_path: {file}\n      location_name: {LOCATION}\n"
    )
    arguments = ["dagster", "dev", "-w", str(workspace), "--port", str(port)]
    with (
        pytest.MonkeyPatch.context() as here,
        running(arguments, environment=environment, folder=place.folder, log=log) as process,
        _instance(place, here) as instance,
    ):
        webserver = Webserver(f"http://127.0.0.1:{port}")
        wait_for("Dagster", webserver.is_up(), process=process, log=log, timeout_seconds=120)
        yield Project(place, webserver, instance)


def _instance(place: Installation, here: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """Open Dagster's storage beside the running Dagster."""
    here.setenv("DAGSTER_HOME", str(place.folder))
    return dg.DagsterInstance.from_config(str(place.folder))


def until(find: Callable[[], _Found | None], *, timeout_seconds: float = 200) -> _Found:
    deadline = time.monotonic() + timeout_seconds
    while (found := find()) is None:
        assert time.monotonic() < deadline
        time.sleep(1)
    return found


def test_an_asset_downstream_of_ours_runs_in_the_same_run(project: Project) -> None:
    first, *_, last = project.place.divisions
    until(lambda: True if project.instance.get_dynamic_partitions("exact_divisions") else None)
    run_id = project.load(ACCOUNTS, BELOW, first=first, last=last)
    asked = {f"{division}|{year}" for division in project.place.divisions for year in (YEAR - 1, YEAR)}
    # Years of which the first load brings rows are recorded as well.
    assert asked <= set(project.materialised(ACCOUNTS, run_id=run_id))
    assert project.materialised(BELOW, run_id=run_id) == [None]


@pytest.mark.long
def test_a_model_by_division_is_asked_for_the_division_that_changed_and_no_other(project: Project) -> None:
    changed, everyone = project.place.divisions[1], {str(one) for one in project.place.divisions}
    until(lambda: True if everyone <= set(project.materialised(OURS)) else None)
    _quiet_cycle(project)
    before = {key: len(project.materialised(key)) for key in (MODEL, OURS)}
    project.place.simulator.control.update("crm/Accounts", changed, count=1)
    until(lambda: True if all(len(project.materialised(key)) > before[key] for key in before) else None)
    # A cycle more, in which nothing is new.
    _quiet_cycle(project)
    assert [project.materialised(key)[before[key] :] for key in before] == [[str(changed)]] * 2


def _quiet_cycle(project: Project) -> None:
    """Wait until a scheduled run has found nothing new, and what it caused has had its time."""
    before = len(project.materialised(ACCOUNTS))
    until(lambda: True if project.materialised(ACCOUNTS)[before:][-1:] == [None] else None)
    _rest(project)


def _rest(project: Project) -> None:
    """Wait until no run of a model is under way or was for a while, however busy the machine is."""
    told, since = _told(project), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        time.sleep(2)
        if _told(project) != told or _is_under_way(project.instance):
            told, since = _told(project), time.monotonic()


def _told(project: Project) -> int:
    return len(project.materialised(MODEL)) + len(project.materialised(OURS))


def _is_under_way(instance: dg.DagsterInstance) -> bool:
    unfinished = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED, *unfinished]))
    return any({MODEL, OURS} & set(run.asset_selection or ()) for run in runs)
