"""The sensor of the division selection: it becomes partitions and runs, and shows how they went.

It gathers and reports; what follows from what stands in `selection`, `sync_now` and `reports`.
https://docs.dagster.io/guides/automate/sensors
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
import msgspec

from exact_assets.catalogue.table import Table
from exact_assets.config import NO_APP
from exact_assets.control.open import Control
from exact_assets.defs import tags
from exact_assets.defs.internals import (
    AUTO_RETRY_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    RUN_KEY_TAG,
    WILL_RETRY_TAG,
    UnresolvedAssetJobDefinition,
)
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import DIVISIONS, partition_key
from exact_assets.defs.reports import Facts, can_be_asked, reports
from exact_assets.defs.runs import awaited_divisions
from exact_assets.defs.selection import PartitionChanges, numbers, partition_changes
from exact_assets.defs.sync_now import START_WITHIN, Memory, RunEnd, SeenRun, SyncRequest, decide_sync, kept_open
from exact_assets.defs.trouble import cursor_of, over, patient
from exact_assets.selection.kept import NO_LIST, is_gone, keep, kept_choices, require_usable, restore
from exact_assets.warehouse.divisions import Selection
from exact_assets.warehouse.protocol import Warehouse

SYNC_NOW_TAG = "exact/sync_now"
DIVISIONS_INTERVAL_SECONDS = 30
_log = logging.getLogger(__name__)
_ENDS = {
    dg.DagsterRunStatus.SUCCESS: RunEnd.SUCCEEDED,
    dg.DagsterRunStatus.FAILURE: RunEnd.FAILED,
    dg.DagsterRunStatus.CANCELED: RunEnd.CANCELLED,
}


def divisions_sensor(location: CodeLocation, jobs: Sequence[UnresolvedAssetJobDefinition]) -> dg.SensorDefinition:
    """Make the sensor that follows the selection; `jobs` together bring a division wholly up to date."""

    @dg.sensor(
        name="exact_divisions",
        jobs=jobs,
        minimum_interval_seconds=DIVISIONS_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns the division selection into partitions and runs, and shows there how they went.",
    )
    def exact_divisions(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        memory = _memory(cursor_of(context))
        if memory is None:
            # Its first number is kept before it is used: runs of a cursor that somebody has reset are others.
            context.update_cursor(_text(Memory(number=int(datetime.now(UTC).timestamp()))))
            return dg.SkipReason("Begins with the next tick.")
        if not location.config.client_id:
            return over(context, dg.SkipReason(NO_APP))

        def work() -> dg.SensorResult | dg.SkipReason:
            look = _Look(
                instance=context.instance,
                warehouse=location.warehouse_briefly(),
                control=location.control(),
                tables=location.tables,
                jobs=[job.name for job in jobs],
                start_year=location.config.start_year,
            )
            return look.take(memory)

        return patient(context, work)

    return exact_divisions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look at the selection and at what has become of it."""

    instance: dg.DagsterInstance
    warehouse: Warehouse
    control: Control
    tables: Sequence[Table]
    jobs: Sequence[str]
    start_year: int

    def take(self, memory: Memory) -> dg.SensorResult | dg.SkipReason:
        """Read the selection, or restore it where it is gone, and follow it.

        Raises:
            WarehouseError: it cannot be read, or not be followed.
            ControlError: what is known beside it cannot be read or written.
        """
        existing = self.instance.get_dynamic_partitions(str(DIVISIONS.name))
        selection, said = self.warehouse.selection(), ""
        kept = kept_choices(self.control, numbers(existing))
        if is_gone(selection, kept):
            said = str(restore(self.control, self.warehouse, kept))
            _log.warning(said)
            selection = self.warehouse.selection()
        if selection is None:
            return dg.SkipReason(NO_LIST)
        require_usable(selection)
        keep(self.control, selection)
        return self._at(selection, memory, existing, said)

    def _at(self, selection: Selection, memory: Memory, existing: Sequence[str], said: str) -> dg.SensorResult:
        """Gather the rest, decide, write what is shown, and report what Dagster is to do."""
        choices = selection.choices or ()
        enabled = {choice.division for choice in choices if choice.sync_enabled}
        # Where a row cannot be read, a division that has a partition may be the one it is about.
        watched = enabled | numbers(existing) if selection.problems else enabled
        # From now on, not from the first attempt: an error of a new division is one at once.
        self.control.attempts.expect(watched, [table.name for table in self.tables], at=datetime.now(UTC))
        facts = self._facts(existing)
        changes = partition_changes(enabled, existing, listed=facts.listed, is_whole=not selection.problems)
        changes = changes.without(awaited_divisions(self.instance, changes.removed, now=facts.now))
        decision = decide_sync(
            choices,
            memory=memory,
            runs=seen_runs(self.instance, [one.run_key(job) for one in memory.requests for job in self.jobs]),
            jobs=self.jobs,
            askable={division for division in enabled if can_be_asked(division, facts)},
            attempts=facts.attempts,
            now=facts.now,
        )
        told = [one for one in reports(choices, decision, facts) if one.read.division not in selection.twice]
        written = self.warehouse.report_divisions(told)
        unwritten = {one.read.division for one in told if one.takes_back} - set(written)
        kept = kept_open(decision.memory, memory, unwritten)
        counted = f"{len(enabled)} divisions are enabled; no new sync_now."
        return dg.SensorResult(
            run_requests=[request for one in decision.asked for request in self._run_requests(one, facts.now.year)],
            dynamic_partitions_requests=_partition_requests(changes),
            cursor=_text(kept),
            skip_reason=None
            if decision.asked
            else " ".join(part for part in (said, *selection.problems, counted) if part),
        )

    def _facts(self, existing: Iterable[str]) -> Facts:
        return Facts(
            tables=self.tables,
            attempts=self.control.attempts.read(),
            quotas=self.control.ledger.quotas(),
            listed=self.control.listing.read(),
            existing=numbers(existing),
            start_year=self.start_year,
            now=datetime.now(UTC),
        )

    def _run_requests(self, request: SyncRequest, this_year: int) -> Iterable[dg.RunRequest]:
        for job in self.jobs:
            yield dg.RunRequest(
                run_key=request.run_key(job),
                job_name=job,
                # As the UI launches it: a partition that comes with this very tick could not be looked up yet.
                tags={
                    PARTITION_NAME_TAG: partition_key(request.division, this_year),
                    tags.ALL_YEARS: tags.TRUE,
                    SYNC_NOW_TAG: str(request.division),
                },
            )


def seen_runs(instance: dg.DagsterInstance, run_keys: Sequence[str]) -> Mapping[str, SeenRun]:
    """Find runs by their keys."""
    if not run_keys:
        return {}
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: list(run_keys)}))
    # Newest first. A run that was lost and is begun again carries its key on: the newest counts.
    return {run.tags[RUN_KEY_TAG]: _seen(instance, run) for run in reversed(runs)}


def _seen(instance: dg.DagsterInstance, run: dg.DagsterRun) -> SeenRun:
    end = _ENDS.get(run.status)
    if end is RunEnd.FAILED and _begins_again(instance, run):
        return SeenRun(run_id=run.run_id, end=None)
    reason = _reason(instance, run.run_id) if end is RunEnd.FAILED else ""
    return SeenRun(run_id=run.run_id, end=end, reason=reason)


def _begins_again(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster is about to begin a failed run again. Should its daemon not do so, that is not for ever."""
    if run.tags.get(WILL_RETRY_TAG) != tags.TRUE or AUTO_RETRY_RUN_ID_TAG in run.tags:
        return False
    record = instance.get_run_record_by_id(run.run_id)
    ended = record.end_time if record else None
    return ended is not None and datetime.now(UTC) - datetime.fromtimestamp(ended, UTC) < START_WITHIN


def _reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return Dagster's words for a failure: of a process that died, they are in an event of the engine's."""
    kinds = {dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_FAILURE}
    entries = instance.all_logs(run_id, of_type=kinds)
    messages = [entry.dagster_event.message for entry in entries if entry.dagster_event]
    crashes = [message for message in messages if message and "Run execution process" in message]
    found = [message for message in (crashes or messages[-1:]) if message]
    return found[-1].splitlines()[0] if found else ""


def _partition_requests(
    changes: PartitionChanges,
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if changes.added:
        requests.append(DIVISIONS.build_add_request([str(division) for division in changes.added]))
    if changes.removed:
        requests.append(DIVISIONS.build_delete_request([str(division) for division in changes.removed]))
    return requests


def _memory(cursor: str | None) -> Memory | None:
    """Read what is kept between ticks; None: nothing that can be read."""
    try:
        return msgspec.json.decode(cursor or "", type=Memory)
    except msgspec.DecodeError:
        return None


def _text(memory: Memory) -> str:
    return msgspec.json.encode(memory).decode()
