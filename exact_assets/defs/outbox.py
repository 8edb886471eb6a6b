"""The sensor and the job of the outbox: rows that people add become documents in Exact.

The sensor counts rows and quota, and asks for one run at a time; what becomes of each row is written by the run.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from exact_assets.config import NO_APP
from exact_assets.control.open import Control
from exact_assets.defs.executor import locking_executor
from exact_assets.defs.internals import NOT_FINISHED_STATUSES
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import OF_JOBS
from exact_assets.defs.resources import RESOURCE, ExactSession
from exact_assets.defs.trouble import patient
from exact_assets.documents.carrying import SentRow
from exact_assets.documents.leave import WRITING_IS_OFF
from exact_assets.documents.outbox import OutboxReport
from exact_assets.warehouse.edited import whole_number
from exact_assets.warehouse.outbox import OUTBOX_TABLE

OUTBOX_INTERVAL_SECONDS = 30
AFTER_FAILURE = timedelta(minutes=10)
"""Between a run that failed and the next: what it failed for is not to be met with every tick."""
MOST_LINKS = 100
"""In the metadata of a run; the table has all."""
_MARKUP = re.compile(r"[!-/:-@\[-`{-~]")
"""What a backslash in Markdown may stand before."""
OUTBOX_JOB = "exact_document_outbox"


@dg.op(required_resource_keys={RESOURCE})
def send_document_outbox(context: dg.OpExecutionContext) -> None:
    """Send the rows of exact.document_outbox that are due; each is told there how it ended."""
    session: ExactSession = getattr(context.resources, RESOURCE)
    report = session.send_outbox()
    metadata = _metadata(report)
    if report.error is not None:
        raise dg.Failure(str(report.error), metadata=metadata, allow_retries=False) from report.error
    if report.failed:
        context.log.warning("%s rows of %s failed: their column error says why.", report.failed, OUTBOX_TABLE)
    context.add_output_metadata(metadata)


def outbox_job(location: CodeLocation) -> dg.JobDefinition | None:
    """Return `exact_document_outbox`; None: writing is not switched on."""
    if not location.config.write_documents:
        return None
    graph = dg.GraphDefinition(
        name=OUTBOX_JOB, node_defs=[send_document_outbox], description=send_document_outbox.description
    )
    return graph.to_job(executor_def=locking_executor(location), tags=OF_JOBS)


def outbox_sensor(location: CodeLocation, job: dg.JobDefinition | None) -> dg.SensorDefinition:
    """Make the sensor; without a job, it says that rows wait for writing to be switched on."""

    @dg.sensor(
        name=OUTBOX_JOB,
        job=job,
        minimum_interval_seconds=OUTBOX_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts a run where rows of {OUTBOX_TABLE} are due to be written in Exact.",
    )
    def exact_document_outbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not location.config.client_id:
            return dg.SkipReason(NO_APP)
        return patient(context, lambda: _look_at_outbox(context.instance, location, now=datetime.now(UTC)))

    return exact_document_outbox


def _look_at_outbox(
    instance: dg.DagsterInstance, location: CodeLocation, *, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """Count what is due.

    Raises:
        WarehouseError: the outbox cannot be read.
        ControlError: the quota cannot.
    """
    warehouse, is_on = location.warehouse_briefly(), location.config.write_documents
    due = warehouse.due_rows(now=now)
    if due is None and is_on:
        warehouse.prepare_outbox()
    if not due:
        return dg.SkipReason(f"No row of {OUTBOX_TABLE} is due.")
    if not is_on:
        return dg.SkipReason(f"{sum(due.values())} rows of {OUTBOX_TABLE} wait. {WRITING_IS_OFF}")
    used = used_up(location.control(), due, now=now)
    if len(used) == len(due):
        named = ", ".join(str(one) for one in used)
        return dg.SkipReason(f"{sum(due.values())} rows wait: the day's calls of division {named} are used.")
    if (reason := _busy(instance, now=now)) is not None:
        return dg.SkipReason(reason)
    return dg.SensorResult(run_requests=[dg.RunRequest()])


def used_up(control: Control, divisions: Collection[str | None], *, now: datetime) -> Sequence[str | None]:
    """Return those of some divisions, as they stand in the table, whose calls of the day are used."""
    quotas = control.ledger.quotas()
    numbers = {one: whole_number(one or "") for one in divisions}
    known = {one: quotas.get(number) for one, number in numbers.items() if number is not None}
    return [one for one, quota in known.items() if quota is not None and not quota.at(now).has_day]


def _busy(instance: dg.DagsterInstance, *, now: datetime) -> str | None:
    """Return why no run is asked for now; None: one may begin."""
    for record in instance.get_run_records(dg.RunsFilter(job_name=OUTBOX_JOB), limit=1):
        run = record.dagster_run
        if run.status in NOT_FINISHED_STATUSES:
            return f"Run {run.run_id[:8]} is at it."
        ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None
        is_recent = ended is not None and timedelta() <= now - ended < AFTER_FAILURE
        if ended and is_recent and run.status in {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}:
            how = "failed" if run.status is dg.DagsterRunStatus.FAILURE else "was cancelled"
            return f"Run {run.run_id[:8]} {how}; the next one begins at {ended + AFTER_FAILURE:%H:%M} UTC."
    return None


def _metadata(report: OutboxReport) -> Mapping[str, Any]:
    told: dict[str, Any] = {"done": len(report.sent), "failed": report.failed, "waiting": report.waiting}
    if report.is_elsewhere:
        told["note"] = "Another run was at it."
    if report.sent:
        told["documents"] = dg.MetadataValue.md("\n".join(map(_line, report.sent[:MOST_LINKS])))
    links = [one.document.url for one in report.sent if one.document.url]
    if links:
        told["latest"] = dg.MetadataValue.url(links[-1])
    return told


def _line(sent: SentRow) -> str:
    """Return a line of Markdown: whatever the row's name holds is shown as it is."""
    name = _MARKUP.sub(r"\\\g<0>", "".join(sign if sign.isprintable() else " " for sign in sent.name))
    told = f"division {sent.division}, {sent.outcome.value}"
    return f"- [{name}]({sent.document.url}) ({told})" if sent.document.url else f"- {name} ({told})"
