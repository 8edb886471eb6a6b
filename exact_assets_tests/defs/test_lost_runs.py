"""Runs whose process was killed together with what had started it: nobody is left to tell Dagster."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from exact_assets.control.living import LivingRuns
from exact_assets.defs import lost_runs
from exact_assets.defs.batches import decide
from exact_assets.defs.lost_runs import LostRuns
from exact_assets.defs.runs import in_flight
from exact_assets.settings import Settings

LIVING = """
import sys, time
from exact_assets.control.living import LivingRuns
from exact_assets.settings import Settings
with LivingRuns(Settings().control_url).hold(sys.argv[1], leaves_trace=sys.argv[3] == "True"):
    print("living", flush=True)
    time.sleep(float(sys.argv[2]))
"""
NOW = datetime.now(UTC)
SOON = timedelta(seconds=30)
MINUTES = timedelta(minutes=2)


@pytest.fixture
def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LivingRuns:
    monkeypatch.setenv("EXACT_CONTROL_URL", f"sqlite:///{tmp_path}/control.sqlite")
    return LivingRuns(Settings().control_url)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"run_retries": {"enabled": True}}) as made:
        yield made


@pytest.fixture
def lost(instance: dg.DagsterInstance, living: LivingRuns) -> LostRuns:
    key = dg.AssetKey(["exact", "crm_accounts"])
    return LostRuns(
        instance=instance, living=living, jobs=frozenset({"loading", "__ASSET_JOB"}), asset_keys=frozenset({key})
    )


def started(
    instance: dg.DagsterInstance,
    name: str = "loading",
    *,
    pid: int | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    asset: str = "crm_accounts",
    tags: dict[str, str] | None = None,
) -> str:
    @dg.asset(key=dg.AssetKey(["exact", asset]))
    def kept() -> None: ...

    job = dg.define_asset_job(name, [kept])
    found = dg.Definitions(assets=[kept], jobs=[job]).get_repository_def().get_job(name)
    run = instance.create_run_for_job(found, asset_selection=frozenset({dg.AssetKey(["exact", asset])}), tags=tags)
    if pid is not None:
        words = f"Started process for run (pid: {pid})."
        instance.report_engine_event(words, run, EngineEventData.in_process(pid))
    for kind, reached in (
        (dg.DagsterEventType.RUN_STARTING, dg.DagsterRunStatus.STARTING),
        (dg.DagsterEventType.RUN_START, dg.DagsterRunStatus.STARTED),
    ):
        instance.report_dagster_event(dg.DagsterEvent(kind.value, name), run.run_id)
        if reached is status:
            break
    return run.run_id


def process(run_id: str, *, seconds: float = 60, leaves_trace: bool = True) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", LIVING, run_id, str(seconds), str(leaves_trace)]
    made = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert made.stdout is not None
    assert made.stdout.readline() == "living\n"
    return made


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    return ended.pid


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def looks(lost: LostRuns, *, after: timedelta = timedelta()) -> tuple[str, ...]:
    """Look twice, as two ticks do; the runs that were noted as failed."""
    suspects, failed = lost.look({}, now=NOW + after)
    assert failed == ()
    return lost.look(suspects, now=NOW + after + SOON)[1]


def test_a_run_lives_as_long_as_its_process_and_fails_when_that_is_killed(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    run_id = started(instance)
    with process(run_id) as running:
        assert looks(lost) == ()
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert looks(lost) == (run_id,)
    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE


def test_a_lost_run_is_to_begin_again_and_what_it_kept_from_being_asked_for_is_free(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    run_id = started(instance, tags={"exact/divisions": "100001,100002"})
    order = ["100001", "100002", "100003"]
    assert not decide(order, in_flight(instance, "loading")).asked
    with process(run_id) as running:
        running.kill()
        running.wait()
    looks(lost)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags["dagster/max_retries"] == "3"
    assert run.tags["dagster/will_retry"] == "true"
    assert decide(order, in_flight(instance, "loading")).asked


def test_a_run_that_has_done_its_work_has_time_to_say_so(instance: dg.DagsterInstance, lost: LostRuns) -> None:
    run_id = started(instance)
    with process(run_id, seconds=0) as running:
        running.wait()
    suspects, failed = lost.look({}, now=NOW)
    assert (list(suspects), failed) == ([run_id], ())
    assert lost.look(suspects, now=NOW + timedelta(seconds=5))[1] == ()
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "loading"), run_id)
    assert lost.look(suspects, now=NOW + SOON) == ({}, ())


def test_a_run_between_two_steps_of_another_executor_is_let_alone(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    run_id = started(instance, pid=os.getpid())
    with process(run_id, seconds=0, leaves_trace=False) as running:
        running.wait()
    assert looks(lost, after=timedelta(hours=3)) == ()


def test_a_run_that_was_killed_before_it_took_its_lock_is_lost_after_a_minute(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    run_id = started(instance, pid=dead_pid())
    assert looks(lost) == ()
    assert looks(lost, after=MINUTES) == (run_id,)


def test_a_run_whose_process_lives_is_let_alone_though_it_has_no_lock(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    started(instance, pid=os.getpid())
    assert looks(lost, after=timedelta(days=1)) == ()


def test_a_process_that_has_got_the_number_of_a_lost_one_is_not_taken_for_it(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    run_id = started(instance, pid=1)
    record = instance.get_run_record_by_id(run_id)
    assert record is not None
    assert record.start_time is not None
    assert looks(lost, after=MINUTES) == ()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as younger:
        assert lost_runs._is_alive(younger.pid, record.start_time + 3600)
        assert not lost_runs._is_alive(younger.pid, record.start_time - 3600)
        younger.kill()


def test_a_run_of_which_no_process_is_known_has_ten_minutes(instance: dg.DagsterInstance, lost: LostRuns) -> None:
    run_id = started(instance)
    assert looks(lost, after=MINUTES) == ()
    assert looks(lost, after=timedelta(minutes=11)) == (run_id,)


@pytest.mark.parametrize(("name", "asset"), [("somebody_elses", "crm_accounts"), ("__ASSET_JOB", "theirs")])
def test_runs_of_somebody_elses_jobs_and_assets_are_let_alone(
    instance: dg.DagsterInstance, lost: LostRuns, name: str, asset: str
) -> None:
    other = name if name != "__ASSET_JOB" else "loading"
    started(instance, other, pid=dead_pid(), asset=asset)
    assert looks(lost, after=timedelta(days=1)) == ()


@pytest.mark.parametrize("is_known", [False, True])
def test_a_slow_start_is_not_failed_here_but_marked_to_begin_again(
    instance: dg.DagsterInstance, lost: LostRuns, is_known: bool
) -> None:
    pid = os.getpid() if is_known else None
    run_id = started(instance, pid=pid, status=dg.DagsterRunStatus.STARTING)
    assert looks(lost, after=timedelta(minutes=4)) == ()
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert (run.status, run.tags["dagster/max_retries"]) == (dg.DagsterRunStatus.STARTING, "3")


def test_a_run_whose_process_was_killed_while_it_was_starting_is_lost(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    run_id = started(instance, pid=dead_pid(), status=dg.DagsterRunStatus.STARTING)
    assert looks(lost) == ()
    assert looks(lost, after=MINUTES) == (run_id,)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags["dagster/will_retry"] == "true"


def test_what_is_left_of_the_locks_of_ended_runs_is_removed(
    instance: dg.DagsterInstance, lost: LostRuns, tmp_path: Path
) -> None:
    ended, working = started(instance), started(instance)
    with process(ended, seconds=0) as one, process(working) as other:
        one.wait()
        instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "loading"), ended)
        lost.look({}, now=NOW)
        left = [path.name for path in (tmp_path / "control.sqlite.locks").glob("run_*")]
        assert len(left) == 1
        assert working in left[0]
        other.kill()
