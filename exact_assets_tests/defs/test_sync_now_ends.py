"""`sync_now` in a real `dagster dev`: set by plain SQL, and back again whatever way its runs end.

One Dagster, four divisions at once: one is loaded, one refused, one cancelled in the UI, and one's process killed,
after which it begins again.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg
import pytest

from exact_assets.demo.processes import free_port, running, wait_for
from exact_assets.demo.webserver import LOCATION, REPOSITORY, Webserver
from exact_assets.warehouse.divisions import DivisionChoice
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.installation import CHECKOUT, Installation, installation
from exact_assets_tests.warehouse.duckdb.plain import run as run_sql

LOADED, REFUSED, CANCELLED, KILLED = 100_001, 100_002, 100_003, 100_004
pytestmark = pytest.mark.timeout(400)

_TERMINATE = """
mutation($run: String!) {
  terminateRun(runId: $run) { __typename ... on PythonError { message } ... on TerminateRunFailure { message } }
}"""

_LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""

_T = TypeVar("_T")


def until(find: Callable[[], _T | None], *, timeout_seconds: float, what: str) -> _T:
    deadline = time.monotonic() + timeout_seconds
    while (found := find()) is None:
        assert time.monotonic() < deadline, f"{what} did not come about in {timeout_seconds:.0f} s"
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("sync-now"), divisions=5, rows=100) as made:
        made.simulator.control.set(refused_divisions={REFUSED: "NoDivisionAccess"})
        for division in (CANCELLED, KILLED):
            made.simulator.control.fault("slow", path="Accounts", division=division, value=100)
        made.command("divisions", "refresh")
        # All in the state that a user's SQL leaves behind: nothing but the table tells Dagster.
        run_sql(
            made.warehouse,
            "UPDATE exact.divisions SET sync_enabled = true, sync_now = true WHERE division < 100005",
        )
        run_sql(
            made.warehouse, "UPDATE exact.divisions SET sync_now = true, start_year = -4 WHERE division = 100005"
        )
        run_sql(
            made.warehouse, "INSERT INTO exact.divisions (division, sync_enabled, sync_now) VALUES (77, true, true)"
        )
        yield made


@pytest.fixture(scope="module")
def dagster(place: Installation) -> Iterator[Webserver]:
    log, port = place.folder / "dagster.log", free_port()
    arguments = ["dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "--port", str(port)]
    environment = {**place.environment, "EXACT_TABLES": "crm_accounts"}
    with running(arguments, environment=environment, folder=place.folder, log=log) as process:
        webserver = Webserver(f"http://127.0.0.1:{port}")
        wait_for("Dagster", webserver.is_up(), process=process, log=log, timeout_seconds=90)
        yield webserver


@pytest.fixture(scope="module")
def choices(place: Installation, dagster: Webserver) -> dict[int, DivisionChoice]:
    """Let Dagster run until nothing asks for a sync any more; the selection as it is then."""
    with instance_of(place) as instance:
        cancelled = until(lambda: pid_of(instance, CANCELLED), timeout_seconds=150, what="a run to cancel")
        killed = until(lambda: pid_of(instance, KILLED), timeout_seconds=60, what="a run to kill")
    until(lambda: call_of(place, KILLED), timeout_seconds=60, what="the call of the run to kill")
    os.kill(killed[1], signal.SIGKILL)
    until(lambda: call_of(place, CANCELLED), timeout_seconds=60, what="the call of the run to cancel")
    answer = dagster.query(_TERMINATE, {"run": cancelled[0]})["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess", answer
    return until(lambda: settled(place), timeout_seconds=120, what="the end of all requests")


@contextmanager
def instance_of(place: Installation) -> Iterator[dg.DagsterInstance]:
    """Open Dagster's storage beside the running Dagster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(place.folder))
        with dg.DagsterInstance.get() as instance:
            yield instance


def settled(place: Installation) -> dict[int, DivisionChoice] | None:
    found = open_warehouse(place.environment["EXACT_WAREHOUSE_URL"]).list_divisions() or ()
    return None if any(one.sync_now for one in found) else {one.division: one for one in found}


def pid_of(instance: dg.DagsterInstance, division: int) -> tuple[str, int] | None:
    """Find the run of a division, and its process."""
    for run in instance.get_runs(dg.RunsFilter(tags={"exact/sync_now": str(division)})):
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
            found = re.search(r"Executing steps in process \(pid: (\d+)\)", entry.message)
            if found:
                return run.run_id, int(found[1])
    return None


def call_of(place: Installation, division: int) -> bool | None:
    struck = [call for call in place.simulator.control.calls(path="Accounts") if call["division"] == division]
    return True if struck else None


@pytest.mark.long
def test_a_request_that_succeeds_ends_as_up_to_date(choices: dict[int, DivisionChoice]) -> None:
    assert choices[LOADED].status == "up to date"
    assert choices[LOADED].last_sync is not None
    assert (choices[LOADED].calls_today or 0) > 0


def test_a_refused_division_ends_with_exacts_reason(choices: dict[int, DivisionChoice]) -> None:
    assert (choices[REFUSED].status or "").startswith("crm_accounts: ")
    assert "has no access" in (choices[REFUSED].status or "")
    assert choices[REFUSED].last_sync is None


def test_a_run_that_somebody_cancels_says_so(choices: dict[int, DivisionChoice]) -> None:
    assert re.fullmatch(r"cancelled: run \w{8} was stopped in Dagster", choices[CANCELLED].status or "")


def test_a_run_whose_process_is_killed_begins_again_by_itself(
    place: Installation, choices: dict[int, DivisionChoice]
) -> None:
    assert choices[KILLED].status == "up to date"
    with instance_of(place) as instance:
        runs = instance.get_runs(dg.RunsFilter(job_name="exact_all", tags={"exact/sync_now": str(KILLED)}))
    assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    assert runs[0].root_run_id == runs[1].run_id


def test_what_cannot_be_asked_for_says_why_and_is_taken_back(choices: dict[int, DivisionChoice]) -> None:
    assert choices[100_005].status == "disabled: sync_now does nothing until sync_enabled is true"
    assert (choices[77].status or "").startswith("not found in Exact")


def test_only_divisions_that_exact_lists_became_partitions(
    place: Installation, choices: dict[int, DivisionChoice]
) -> None:
    with instance_of(place) as instance:
        assert set(instance.get_dynamic_partitions("exact_divisions")) == {
            str(division) for division in (LOADED, REFUSED, CANCELLED, KILLED)
        }


def test_the_refused_division_has_turned_its_tables_red_without_a_run(
    place: Installation, choices: dict[int, DivisionChoice]
) -> None:
    with instance_of(place) as instance:
        evaluation = until(lambda: red(instance), timeout_seconds=120, what="a red check")
    assert f"{REFUSED}: " in (evaluation.description or "")


@pytest.mark.long
def test_the_check_runs_in_the_ui_too(
    place: Installation, choices: dict[int, DivisionChoice], dagster: Webserver
) -> None:
    key = {"assetKey": {"path": ["exact", "crm_accounts"]}, "name": "fresh"}
    selector = {
        "repositoryLocationName": LOCATION,
        "repositoryName": REPOSITORY,
        "jobName": "__ASSET_JOB",
        "assetSelection": [],
        "assetCheckSelection": [key],
    }
    answer = dagster.query(_LAUNCH, {"params": {"selector": selector, "runConfigData": {}}})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    assert list(dagster.follow(answer["run"]["runId"], timeout_seconds=60))[-1] == {"status": "SUCCESS"}
    with instance_of(place) as instance:
        assert any(one.event.run_id == answer["run"]["runId"] for one in evaluations(instance))


def red(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation | None:
    found = [one.event.dagster_event.asset_check_evaluation_data for one in evaluations(instance)]
    stale = [one for one in found if not one.passed and one.severity is dg.AssetCheckSeverity.ERROR]
    return stale[0] if stale else None


def evaluations(instance: dg.DagsterInstance) -> list[Any]:
    key = dg.AssetCheckKey(dg.AssetKey(["exact", "crm_accounts"]), "fresh")
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
    return [record for record in records if record.event]
