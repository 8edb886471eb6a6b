"""Runs whose process was killed together with what had started it: nobody is left to tell Dagster."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.control.open import Control
from exact_assets.defs import lost_runs
from exact_assets.defs.lost_runs import fail_lost_runs
from exact_assets.settings import Settings

LIVING = """
import sys, time
from exact_assets.control.open import Control
from exact_assets.settings import Settings
with Control.open(Settings()).living(sys.argv[1]):
    print("living", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    monkeypatch.setenv("EXACT_CLIENT_ID", "an app")
    monkeypatch.setenv("EXACT_CONTROL_URL", f"sqlite:///{tmp_path}/control.sqlite")
    monkeypatch.setattr(lost_runs, "SETTLE_SECONDS", 0.1)
    return Control.open(Settings())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def started(instance: dg.DagsterInstance) -> str:
    @dg.op
    def work() -> None: ...

    @dg.job
    def loading() -> None:
        work()

    return instance.create_run_for_job(loading, status=dg.DagsterRunStatus.STARTED).run_id


def process(run_id: str, *, seconds: float = 60) -> subprocess.Popen[str]:
    made = subprocess.Popen(
        [sys.executable, "-c", LIVING, run_id, str(seconds)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "living\n"
    return made


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_lives_as_long_as_its_process_and_fails_when_that_is_killed(
    instance: dg.DagsterInstance, control: Control
) -> None:
    run_id = started(instance)
    with process(run_id) as running:
        fail_lost_runs(instance, control)
        assert status(instance, run_id) is dg.DagsterRunStatus.STARTED
        running.send_signal(signal.SIGKILL)
        running.wait()
    fail_lost_runs(instance, control)
    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_has_done_its_work_is_not_lost(instance: dg.DagsterInstance, control: Control) -> None:
    run_id = started(instance)
    with process(run_id, seconds=0) as running:
        running.wait()
    fail_lost_runs(instance, control)
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def test_a_run_of_which_nothing_is_known_is_let_alone(instance: dg.DagsterInstance, control: Control) -> None:
    run_id = started(instance)
    fail_lost_runs(instance, control)
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED
