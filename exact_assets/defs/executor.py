"""The executor of our runs: all steps in one process, which shows from its first moment that it lives.

Tables wait for Exact, not for each other: a process for each would cost seconds and gain nothing. The lock is taken
before the first event of the executor's own. It used to be taken with the first call, seconds after Dagster noted
the run as started: one that was killed in between stayed started for ever.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

from exact_assets.control.living import LivingRuns
from exact_assets.settings import Settings


class LivingExecutor(InProcessExecutor):
    """Dagster's in-process executor, holding the run's lock while it works."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the steps."""
        with LivingRuns(Settings().control_url).hold(plan_context.run_id, leaves_trace=True):
            yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
def living_executor(context: dg.InitExecutorContext) -> LivingExecutor:
    """Make the executor; configured as Dagster's own."""
    retries: Any = context.executor_config["retries"]
    return LivingExecutor(retries=RetryMode.from_config(retries) or RetryMode.ENABLED)
