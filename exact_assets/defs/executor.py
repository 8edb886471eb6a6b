"""The executor of our runs: all steps in one process, which shows from its first moment that it lives.

Tables wait for Exact, not for each other: a process for each would cost seconds and gain nothing. The lock is taken
before the first event of the executor's own. It used to be taken with the first call, seconds after Dagster noted
the run as started: one that was killed in between stayed started for ever.
"""

from collections.abc import Collection, Iterator

import dagster as dg
from dagster._core.definitions.executor_definition import (
    IN_PROC_CONFIG,
    _core_in_process_executor_creation,
)
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.executor.in_process import InProcessExecutor

from exact_assets.control.run_locks import RunLocks
from exact_assets.defs.own_runs import is_ours, missing_tags
from exact_assets.settings import Settings

LOCK_TIMEOUT_SECONDS = 5.0
"""A sensor that looks whether a run lives holds its lock for a moment."""


class LockingExecutor(InProcessExecutor):
    """Dagster's in-process executor, holding the run's lock while it works."""

    asset_keys: Collection[dg.AssetKey] = ()
    """Our assets'."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the steps."""
        run = plan_context.dagster_run
        # First of all, so that it does not depend on what fails whether the run is begun again.
        if is_ours(run, self.asset_keys) and (lacking := missing_tags(run)):
            plan_context.instance.add_run_tags(run.run_id, lacking)
        run_locks = RunLocks(Settings().control_url)
        with run_locks.hold(run.run_id, leaves_trace=True, timeout_seconds=LOCK_TIMEOUT_SECONDS):
            yield from super().execute(plan_context, execution_plan)


def locking_executor(asset_keys: Collection[dg.AssetKey]) -> dg.ExecutorDefinition:
    """Make the executor; the keys are our assets', by which runs of a project around us are told from ours."""

    @dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
    def in_process(context: dg.InitExecutorContext) -> LockingExecutor:
        made = _core_in_process_executor_creation(context.executor_config)
        locking = LockingExecutor(
            retries=made.retries,
            step_dependency_config=made.step_dependency_config,
            marker_to_close=made.marker_to_close,
        )
        locking.asset_keys = frozenset(asset_keys)
        return locking

    return in_process
