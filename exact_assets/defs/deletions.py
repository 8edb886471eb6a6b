"""The sensor that looks for deletions: it asks for runs of the deletion log, each division at the log's own pace.

A look is one call per division, and the run that makes it applies what it finds. What the log takes away is the
warehouse's business. https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec

from exact_assets.defs import tags
from exact_assets.defs.batches import Batch, decide
from exact_assets.defs.internals import PRIORITY_TAG
from exact_assets.defs.jobs import TableJob
from exact_assets.defs.partitions import divisions_in_order
from exact_assets.defs.runs import in_flight

DELETIONS_INTERVAL_SECONDS = 30
DELETIONS_BATCH_DIVISIONS = 100
"""A look takes one call: more divisions fit in a run than where tables are loaded."""


class DeletionsMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What the sensor remembers from tick to tick."""

    number: int
    """Of the next requests: the same until they are stored, so that a daemon that is killed asks once."""
    asked: Mapping[str, datetime] = {}
    """When each division was asked for last."""


def deletions_sensor(log: TableJob) -> dg.SensorDefinition:
    """Make the sensor; `log` is the job of the deletion log alone."""
    every = timedelta(minutes=log.tables[0].frequency_minutes)

    @dg.sensor(
        name="exact_deletions",
        job=log.job,
        minimum_interval_seconds=DELETIONS_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Looks every {every} in each division for what was deleted, and takes it away here.",
    )
    def exact_deletions(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        order = divisions_in_order(context.instance)
        if not context.cursor:
            # Kept before it is used: runs of a cursor that somebody has reset have other numbers.
            context.update_cursor(_text(DeletionsMemory(number=int(now.timestamp()))))
            return dg.SkipReason("Begins with the next tick.")
        memory = msgspec.json.decode(context.cursor, type=DeletionsMemory)
        due = due_divisions(order, memory, now=now, every=every)
        if not due:
            return dg.SkipReason("No division is due." if order else "No division is enabled.")
        decision = decide(
            order, in_flight(context.instance, log.job.name), wanted=due, size=DELETIONS_BATCH_DIVISIONS
        )
        if not decision.asked:
            return dg.SkipReason("Earlier looks are still under way.")
        return dg.SensorResult(
            run_requests=[_request(batch, memory.number, year=now.year, every=every) for batch in decision.asked],
            cursor=_text(after(memory, order, decision.asked, now=now)),
        )

    return exact_deletions


def due_divisions(
    order: Sequence[str], memory: DeletionsMemory, *, now: datetime, every: timedelta
) -> Collection[str]:
    """Return the divisions whose log was not asked for within the period, and those never asked for.

    One that was asked for in the future was so by a clock that has been set back since, and is due.
    """
    asked = memory.asked
    return {
        division for division in order if division not in asked or not timedelta() <= now - asked[division] < every
    }


def after(
    memory: DeletionsMemory, order: Sequence[str], asked: Sequence[Batch], *, now: datetime
) -> DeletionsMemory:
    """Remember what is asked for; forget divisions that have no partition any more."""
    before = {division: at for division, at in memory.asked.items() if division in order}
    newly = {division: now for batch in asked for division in batch.divisions}
    return DeletionsMemory(number=memory.number + 1, asked=before | newly)


def _request(batch: Batch, number: int, *, year: int, every: timedelta) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{number} {batch.name}",
        tags={
            **batch.tags(year),
            tags.BACKGROUND: tags.TRUE,
            # The log's rows are in the first year's partition: without this, only this year's would be recorded.
            tags.ALL_YEARS: tags.TRUE,
            PRIORITY_TAG: str(-int(every.total_seconds() // 60)),
        },
    )


def _text(memory: DeletionsMemory) -> str:
    return msgspec.json.encode(memory).decode()
