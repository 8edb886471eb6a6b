"""Runs whose process was killed together with what had started it: nobody is left to tell Dagster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from exact_assets.build import build_defs
from exact_assets.config import ExactConfig
from exact_assets.control.run_locks import MOMENT_SECONDS, Life, RunLocks
from exact_assets.defs import lost_runs
from exact_assets.defs.batches import decide
from exact_assets.defs.lost_runs import LostRuns
from exact_assets.defs.own_runs import OF_JOBS
from exact_assets.defs.runs import in_flight

LIVING = """
import sys, time
from exact_assets.control.run_locks import RunLocks
from exact_assets.config import ExactConfig
with RunLocks(ExactConfig.from_env().control_url).hold(sys.argv[1], leaves_trace=sys.argv[3] == "True"):
    print("living", flush=True)
    time.sleep(float(sys.argv[2]))
"""
SOON = timedelta(seconds=30)
MINUTES = timedelta(minutes=2)


@pytest.fixture
def run_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunLocks:
    monkeypatch.setenv("EXACT_CONTROL_URL", f"sqlite:///{tmp_path}/control.sqlite")
    return RunLocks(ExactConfig.from_env().control_url)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"run_retries": {"enabled": True}}) as made:
        yield made


@pytest.fixture
def lost(instance: dg.DagsterInstance, run_locks: RunLocks) -> LostRuns:
    key = dg.AssetKey(["exact", "crm_accounts"])
    return LostRuns(instance=instance, run_locks=run_locks, asset_keys=frozenset({key}))


def started(
    instance: dg.DagsterInstance,
    name: str = "loading",
    *,
    pid: int | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    asset: str = "crm_accounts",
    tags: dict[str, str] | None = None,
    job_tags: Mapping[str, str] = OF_JOBS,
) -> str:
    @dg.asset(key=dg.AssetKey(["exact", asset]))
    def kept() -> None: ...

    job = dg.define_asset_job(name, [kept], tags=job_tags)
    found = dg.Definitions(assets=[kept], jobs=[job]).get_repository_def().get_job(name)
    run = instance.create_run_for_job(
        found, asset_selection=frozenset({dg.AssetKey(["exact", asset])}), tags={**job_tags, **(tags or {})}
    )
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
    now = datetime.now(UTC) + after
    suspects, failed = lost.look({}, now=now)
    assert failed == ()
    return lost.look(suspects, now=now + SOON)[1]


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
    now = datetime.now(UTC)
    suspects, failed = lost.look({}, now=now)
    assert (list(suspects), failed) == ([run_id], ())
    assert lost.look(suspects, now=now + timedelta(seconds=5))[1] == ()
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "loading"), run_id)
    assert lost.look(suspects, now=now + SOON) == ({}, ())


def test_a_run_between_two_steps_of_another_executor_is_left_alone(
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


def test_a_run_whose_process_lives_is_left_alone_though_it_has_no_lock(
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


@pytest.mark.parametrize("status_", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
@pytest.mark.parametrize("asset", ["crm_accounts", "theirs"])
def test_runs_of_somebody_elses_jobs_are_left_alone_also_of_our_assets(
    instance: dg.DagsterInstance, lost: LostRuns, asset: str, status_: dg.DagsterRunStatus
) -> None:
    """Another executor takes no lock: such a run would be noted as failed while it works."""
    run_id = started(instance, pid=dead_pid(), asset=asset, status=status_, job_tags={})
    assert looks(lost, after=timedelta(days=1)) == ()
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert not {"dagster/max_retries", "dagster/retry_on_asset_or_op_failure"} & set(run.tags)


@pytest.mark.parametrize(("name", "value"), [("max_retries", "0"), ("retry_on_asset_or_op_failure", "true")])
def test_what_somebody_set_for_a_run_is_not_overridden(
    instance: dg.DagsterInstance, lost: LostRuns, name: str, value: str
) -> None:
    run_id = started(instance, pid=dead_pid(), tags={f"dagster/{name}": value})
    assert looks(lost, after=MINUTES) == (run_id,)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags[f"dagster/{name}"] == value


def test_all_jobs_of_ours_say_that_their_runs_begin_again_and_take_the_lock() -> None:
    repository = build_defs().get_repository_def()
    jobs = {job.name: job.tags for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert {"exact_all", "exact_checks", "exact_deletions", "exact_sweep"} <= set(jobs)
    for tags_ in jobs.values():
        assert {name: tags_.get(name) for name in OF_JOBS} == OF_JOBS


def test_a_process_that_has_ended_without_its_parents_notice_is_dead(
    instance: dg.DagsterInstance, lost: LostRuns
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
        while "Z" not in Path(f"/proc/{zombie.pid}/stat").read_text().rpartition(")")[2]:
            time.sleep(0.05)
        run_id = started(instance, pid=zombie.pid)
        assert looks(lost, after=MINUTES) == (run_id,)


def test_a_clock_that_was_set_ahead_makes_no_living_process_a_dead_one(
    instance: dg.DagsterInstance, lost: LostRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(instance, pid=os.getpid())
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)
    assert looks(lost, after=timedelta(days=1)) == ()


@pytest.mark.long
def test_a_run_that_begins_while_somebody_looks_after_it_holds_its_lock_all_the_same(run_locks: RunLocks) -> None:
    run_id = "00000000-0000-0000-0000-000000000001"
    with process(run_id, seconds=0.5), run_locks.hold(run_id, leaves_trace=True, timeout_seconds=5):
        assert run_locks.life_of(run_id) is Life.ALIVE
    with process(run_id, seconds=0.5) as looking, run_locks.hold(run_id, leaves_trace=False):
        looking.wait()
        assert run_locks.life_of(run_id) is Life.ALIVE


def test_a_run_does_not_wait_for_a_lock_that_it_holds_itself(run_locks: RunLocks) -> None:
    run_id = "00000000-0000-0000-0000-000000000002"
    with run_locks.hold(run_id, leaves_trace=True, timeout_seconds=5):
        began = time.monotonic()
        with run_locks.hold(run_id, leaves_trace=False):
            assert time.monotonic() - began < MOMENT_SECONDS / 2
        assert run_locks.life_of(run_id) is Life.ALIVE


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


@pytest.mark.long
def test_what_is_left_of_the_locks_of_ended_runs_is_removed(
    instance: dg.DagsterInstance, lost: LostRuns, tmp_path: Path
) -> None:
    ended, working = started(instance), started(instance)
    with process(ended, seconds=0) as one, process(working) as other:
        one.wait()
        instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "loading"), ended)
        lost.look({}, now=datetime.now(UTC))
        left = [path.name for path in (tmp_path / "control.sqlite.locks").glob("run_*")]
        assert len(left) == 1
        assert working in left[0]
        other.kill()
