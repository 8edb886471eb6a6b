"""Runs whose process is gone without Dagster's knowing, as when the machine or the code server was killed with it.

Dagster notices that a run's process died only while the code server that started it lives. Another run would wait
for its place for ever, and `sync_now` for its end. What is lost is noted as failed, and begun again by Dagster's
own retries (`run_retries` in dagster.yaml): nobody has to ask for it once more.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import msgspec

from exact_assets.control.run_locks import Life, RunLocks
from exact_assets.defs.internals import NOT_FINISHED_STATUSES
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import is_ours, missing_tags
from exact_assets.defs.trouble import cursor_of, patient

LOST_RUNS_INTERVAL_SECONDS = 15
SETTLE = timedelta(seconds=10)
"""Between the end of a run's work and Dagster's noting it: a run is lost if found so twice, this far apart."""
BEGIN = timedelta(seconds=60)
"""Between Dagster's noting that a run has started and its lock. Nothing is done there but writing events."""
BEGIN_UNSEEN = timedelta(minutes=10)
"""The same where no process of the run is known, such as one that a command line began."""
CLOCK_SECONDS = 5.0
"""By which clocks that are compared may differ."""
STATE_FIELD, START_TICKS_FIELD = 0, 19
"""Of `/proc/<pid>/stat`, counted behind the name."""
ENDED_STATES = {"Z", "X"}
"""A process that has ended, of which its parent has not taken note yet, and one that is going."""
STATUSES = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
BEGUN = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
LAUNCHING = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
"""Dagster itself gives these up after `start_timeout_seconds`."""
MESSAGE = "Run execution process is gone: it was killed together with what had started it."
_PID = re.compile(r"\(pid: (\d+)\)")


def lost_runs_sensor(location: CodeLocation) -> dg.SensorDefinition:
    """Make the sensor. It needs the locks beside the control store, and neither that itself nor the warehouse."""

    @dg.sensor(
        name="exact_lost_runs",
        minimum_interval_seconds=LOST_RUNS_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notes that runs whose process was killed with Dagster have failed, so that they begin again.",
    )
    def exact_lost_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return patient(context, lambda: _looked(context, location))

    return exact_lost_runs


def _looked(context: dg.SensorEvaluationContext, location: CodeLocation) -> dg.SkipReason:
    """Look for lost runs once.

    Raises:
        ControlError: their locks are in a control store that does not answer.
    """
    origin = context.code_location_origin
    lost = LostRuns(
        instance=context.instance,
        run_locks=location.run_locks(),
        location=origin.location_name if origin else None,
        asset_keys=frozenset(location.keys),
    )
    suspects, failed = lost.look(_suspects(cursor_of(context)), now=datetime.now(UTC))
    context.update_cursor(msgspec.json.encode(suspects).decode())
    named = ", ".join(run_id[:8] for run_id in failed)
    return dg.SkipReason(f"Lost, and noted as failed: {named}." if failed else "No run is lost.")


class LostRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Distinguishes runs that are lost from those that are at work."""

    instance: dg.DagsterInstance
    run_locks: RunLocks
    location: str | None = None
    """Our code location; None: not known."""
    asset_keys: frozenset[dg.AssetKey] = frozenset()
    """Our assets'."""

    def look(
        self, suspects: Mapping[str, datetime], *, now: datetime
    ) -> tuple[Mapping[str, datetime], tuple[str, ...]]:
        """Note lost runs as failed; return those that look lost, since when, and those that were noted.

        A run that is noted, and one that never came to start, is begun again, a few times at most.
        """
        runs = self.instance.get_runs(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
        found = {run.run_id: min(suspects.get(run.run_id, now), now) for run in runs if self._looks_lost(run, now)}
        failed = []
        for run in runs:
            if run.run_id in found and now - found[run.run_id] >= SETTLE and self._fail(run.run_id):
                failed.append(run.run_id)
            elif run.status in LAUNCHING:
                self._try_again(run)
        self.run_locks.forget_all_but({run.run_id for run in runs})
        return {run_id: since for run_id, since in found.items() if run_id not in failed}, tuple(failed)

    def _looks_lost(self, run: dg.DagsterRun, now: datetime) -> bool:
        if run.status not in {*STATUSES, *BEGUN}:
            return False
        life = self.run_locks.life_of(run.run_id)
        if life is Life.UNKNOWN:
            # Those that are being cancelled Dagster gives up by itself, after `cancel_timeout_seconds`.
            return run.status in BEGUN and self._is_ours(run) and self._never_began(run, now)
        return life is Life.ENDED

    def _never_began(self, run: dg.DagsterRun, now: datetime) -> bool:
        """Whether a run that is starting or has started has no process here, and never took its lock.

        One that is starting, and of which no process is known, may just be slow.
        """
        if self.instance.run_launcher.supports_check_run_worker_health:
            # Its processes are elsewhere, and Dagster asks after them.
            return False
        record = self.instance.get_run_record_by_id(run.run_id)
        processes = list(self._processes(run.run_id))
        noted = record.start_time if record else None
        began = max((moment for _, moment in processes), default=noted)
        if began is None:
            return False
        is_dead = not any(_is_alive(pid, moment) for pid, moment in processes)
        return is_dead and now - datetime.fromtimestamp(began, UTC) >= (BEGIN if processes else BEGIN_UNSEEN)

    def _processes(self, run_id: str) -> Iterator[tuple[int, float]]:
        """Yield the numbers of a run's processes, each with when it was told of (epoch seconds)."""
        for entry in self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
            found = _PID.search(entry.message)
            if found:
                yield int(found[1]), entry.timestamp

    def _fail(self, run_id: str) -> bool:
        now = self.instance.get_run_by_id(run_id)
        if now is None or now.status not in {*STATUSES, *BEGUN} or self.run_locks.life_of(run_id) is Life.ALIVE:
            return False
        if now.status is dg.DagsterRunStatus.CANCELING:
            self.instance.report_run_canceled(now, MESSAGE)
            return True
        self._try_again(now)
        self.instance.report_run_failed(now, MESSAGE)
        return True

    def _is_ours(self, run: dg.DagsterRun) -> bool:
        return is_ours(run, self.asset_keys, location=self.location)

    def _try_again(self, run: dg.DagsterRun) -> None:
        """Have a run begun again that did not come to where its executor sees to that."""
        if self._is_ours(run) and (lacking := missing_tags(run)):
            self.instance.add_run_tags(run.run_id, lacking)


def _is_alive(pid: int, seen_at: float) -> bool:
    """Whether a process of this number lives that is old enough: after a restart numbers are given out anew."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # there is one, of another user
    fields = _facts(pid)
    if fields is None:
        return True
    if fields[STATE_FIELD] in ENDED_STATES:
        return False
    after_boot = int(fields[START_TICKS_FIELD]) / os.sysconf("SC_CLK_TCK")
    return after_boot + min(_booted_at(), _BOOTED_AT) <= seen_at + CLOCK_SECONDS


def _facts(pid: int) -> list[str] | None:
    """Read what the system says of a process; None: it says nothing (only Linux does)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _booted_at() -> float:
    """Return when the system was started, in epoch seconds by the clock as it is now."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


_BOOTED_AT = _booted_at() if hasattr(time, "CLOCK_BOOTTIME") else 0.0
"""The same by the clock as it was when this code was loaded. One that was set ahead since makes every process look
younger than what was noted of it before; of the two, the one counts by which a process may live."""


def _suspects(cursor: str | None) -> Mapping[str, datetime]:
    try:
        return msgspec.json.decode(cursor or "{}", type=dict[str, datetime])
    except msgspec.DecodeError:
        return {}
