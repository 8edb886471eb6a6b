"""Runs whose process is gone without Dagster's knowing, as when the machine or the code server was killed with it.

Dagster notices that a run's process died only while the code server that started it lives. Another run would wait
for its place for ever, and `sync_now` for its end.
"""

import time

import dagster as dg

from exact_assets.control.open import Control

SETTLE_SECONDS = 2.0
"""Between the end of a run's work and Dagster's noting it."""
STATUSES = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
MESSAGE = "Run execution process is gone: it was killed together with what had started it."


def fail_lost_runs(instance: dg.DagsterInstance, control: Control) -> None:
    """Note the failure of runs whose process died; those of which nothing is known are let alone."""
    lost = [run for run in instance.get_runs(dg.RunsFilter(statuses=STATUSES)) if control.is_lost(run.run_id)]
    if not lost:
        return
    time.sleep(SETTLE_SECONDS)
    for run in lost:
        now = instance.get_run_by_id(run.run_id)
        if now is not None and now.status in STATUSES and control.is_lost(run.run_id):
            instance.report_run_failed(now, MESSAGE)
