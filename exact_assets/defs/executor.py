"""The executor of our runs: all steps in one process, which shows from its first moment that it lives.

Tables wait for Exact, not for each other: a process for each would cost seconds and gain nothing. The lock is taken
before the first event of the executor's own. It used to be taken with the first call, seconds after Dagster noted
the run as started: one that was killed in between stayed started for ever.
"""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from exact_assets.defs.internals import (
    IN_PROC_CONFIG,
    ExecutionPlan,
    InProcessExecutor,
    PlanOrchestrationContext,
    core_in_process_executor_creation,
)
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import is_ours, missing_tags

RUN_LOCK_TIMEOUT_SECONDS = 5.0
"""A sensor that looks whether a run lives holds its lock for a moment."""


class LockingExecutor(InProcessExecutor):
    """Dagster's in-process executor, holding the run's lock while it works."""

    location: CodeLocation

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the steps."""
        run = plan_context.dagster_run
        # First of all, so that it does not depend on what fails whether the run is begun again.
        if is_ours(run, self.location.keys) and (lacking := missing_tags(run)):
            plan_context.instance.add_run_tags(run.run_id, lacking)
        # Arrow's own allocator keeps what is freed: with the system's a large load takes 15 MB less.
        pa.set_memory_pool(pa.system_memory_pool())
        with self.location.run_locks().hold(
            run.run_id, leaves_trace=True, timeout_seconds=RUN_LOCK_TIMEOUT_SECONDS
        ):
            yield from super().execute(plan_context, execution_plan)


def locking_executor(location: CodeLocation) -> dg.ExecutorDefinition:
    """Make the executor; the location's keys tell runs of ours from those of a project around us."""

    @dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
    def in_process(context: dg.InitExecutorContext) -> LockingExecutor:
        made = core_in_process_executor_creation(context.executor_config)
        locking = LockingExecutor(
            retries=made.retries,
            step_dependency_config=made.step_dependency_config,
            marker_to_close=made.marker_to_close,
        )
        locking.location = location
        return locking

    return in_process
