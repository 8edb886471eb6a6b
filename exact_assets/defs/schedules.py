"""The schedules that ask for the periodic work: one per frequency, and one for what a day's calls left undone.

A schedule gathers (divisions, runs, states) and reports; what to ask for is decided in `batches` and `planning`.
https://docs.dagster.io/guides/automate/schedules
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any
from zlib import crc32

import dagster as dg

from exact_assets.catalogue.frequencies import DAY, HOUR, WEEK, label
from exact_assets.defs import tags
from exact_assets.defs.batches import Batch, Decision, decide
from exact_assets.defs.internals import PRIORITY_TAG
from exact_assets.defs.jobs import TableJob
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import divisions_in_order
from exact_assets.defs.runs import in_flight
from exact_assets.planning.shares import unfinished
from exact_assets.request import Mode

AFTER_MIDNIGHT = "exact_after_midnight"
AFTER_MIDNIGHT_CRON = "7 0 * * *"
"""Exact's day begins at midnight UTC; our clock may be minutes ahead of Exact's."""
AFTER_MIDNIGHT_PRIORITY = -DAY
SWEEP_CRON = "41 1 * * 6"
SOME = 5
"""As many names are shown of a list that may be long."""


def schedules(
    location: CodeLocation,
    *,
    by_frequency: Mapping[int, TableJob],
    everything: TableJob,
    swept: TableJob | None,
) -> Iterator[dg.ScheduleDefinition]:
    """Yield `exact_every_6h` and so on for each frequency, `exact_after_midnight` and `exact_sweep`."""
    for minutes, due in by_frequency.items():
        # What comes often comes first, and what a person asked for (0) before all.
        words = f"Brings {len(due.tables)} tables of all divisions up to date every {label(minutes)}."
        yield _periodic(due, cron(minutes), priority=-minutes, description=words)
    yield _after_midnight(location, everything)
    if swept is not None:
        words = f"Sweeps the keys of {len(swept.tables)} tables once a week for rows that Exact no longer has."
        yield _periodic(swept, SWEEP_CRON, priority=-WEEK, description=words, mode=Mode.SWEEP)


def cron(minutes: int) -> str:
    """Write a frequency as a cron, at an offset of its own so that not everything starts at once."""
    offset = crc32(label(minutes).encode())
    minute, hour = offset % 59 + 1, offset // 59 % 5 + 1
    if minutes < HOUR:
        return f"{offset % max(minutes - 1, 1) + (minutes > 1)}-59/{minutes} * * * *"
    if minutes < DAY:
        hours = minutes // HOUR
        return f"{minute} {hour % hours}-23/{hours} * * *"
    return f"{minute} {hour} * * {'0' if minutes == WEEK else '*'}"


def _periodic(
    due: TableJob, cron_schedule: str, *, priority: int, description: str, mode: Mode = Mode.AUTO
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=due.job.name,
        job=due.job,
        cron_schedule=cron_schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def periodic(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        order = divisions_in_order(context.instance)
        decision = decide(order, in_flight(context.instance, due.job.name))
        yield from _requests(context, due, decision, priority=priority, mode=mode)
        if not decision.asked:
            yield dg.SkipReason(_why_nothing(order, decision))

    return periodic


def _after_midnight(location: CodeLocation, due: TableJob) -> dg.ScheduleDefinition:
    by_name = {table.name: table for table in due.tables}

    @dg.schedule(
        name=AFTER_MIDNIGHT,
        job=due.job,
        cron_schedule=AFTER_MIDNIGHT_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Goes on with loads that the calls of the day before were not enough for.",
    )
    def after_midnight(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        order = divisions_in_order(context.instance)
        states = location.warehouse().states_of([int(division) for division in order])
        left = {str(one): names for one, names in unfinished(due.tables, states).items()}
        decision = decide(order, in_flight(context.instance, due.job.name), wanted=left)

        def select(batch: Batch) -> Sequence[dg.AssetKey]:
            names = sorted({name for one in batch.divisions for name in left.get(one, ())})
            return [location.key(by_name[name]) for name in names]

        yield from _requests(context, due, decision, priority=AFTER_MIDNIGHT_PRIORITY, select=select)
        if not decision.asked:
            is_done = bool(order) and not left
            yield dg.SkipReason("Everything is loaded." if is_done else _why_nothing(order, decision))

    return after_midnight


def _requests(
    context: dg.ScheduleEvaluationContext,
    due: TableJob,
    decision: Decision,
    *,
    priority: int,
    mode: Mode = Mode.AUTO,
    select: Callable[[Batch], Sequence[dg.AssetKey]] = lambda _: (),
) -> Iterator[dg.RunRequest]:
    moment = context.scheduled_execution_time.astimezone(UTC)
    for batch in decision.asked:
        yield dg.RunRequest(
            # Dagster starts a run key once, however often it tries this tick.
            run_key=f"{moment:%Y-%m-%dT%H:%M} {batch.name}",
            run_config=_run_config(due, mode),
            tags={
                **batch.tags(moment.year),
                tags.BACKGROUND: tags.TRUE,
                tags.ALL_YEARS: tags.TRUE,
                PRIORITY_TAG: str(priority),
            },
            asset_selection=list(select(batch)) or None,
        )
    if decision.asked and decision.waiting:
        context.log.info(_still_busy(decision.waiting))


def _run_config(due: TableJob, mode: Mode) -> Mapping[str, Any]:
    if mode is Mode.AUTO:
        return {}
    return {"ops": {name: {"config": {"mode": mode.value}} for name in due.op_names}}


def _why_nothing(order: Sequence[str], decision: Decision) -> str:
    if not order:
        return "No division is enabled: run `exact-assets divisions list`, then `exact-assets divisions enable …`."
    return _still_busy(decision.waiting)


def _still_busy(batches: Sequence[Batch]) -> str:
    named = ", ".join(batch.name for batch in batches[:SOME]) + (", …" if len(batches) > SOME else "")
    return f"Earlier runs of this job still wait or work, and are not asked for again: divisions {named}."
