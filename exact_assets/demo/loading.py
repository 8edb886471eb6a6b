"""Loads tables by real Dagster runs and shows how far they are. Everything it knows comes from Dagster's events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from exact_assets.catalogue.table import Table
from exact_assets.demo.webserver import Webserver
from exact_assets.errors import DemoError

STEP_PREFIX = "exact__"


@dataclass
class Tally:
    """What the runs' materialisations said, per table."""

    tables_by_group: dict[str, list[str]] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    divisions: int = 1
    _streams: set[tuple[str, str]] = field(default_factory=set)

    def add(self, name: str, partition: str, entries: dict[str, int]) -> None:
        """Add one materialisation; calls belong to the stream and count once per division."""
        self.changed[name] = self.changed.get(name, 0) + entries.get("rows_changed", 0)
        stream = (name, partition.partition("|")[0])
        if stream not in self._streams:
            self._streams.add(stream)
            self.calls[name] = self.calls.get(name, 0) + entries.get("stream_calls", 0)


def load(
    dagster: Webserver,
    tables: Sequence[Table],
    *,
    divisions: Sequence[int],
    years: range,
    console: Console,
) -> Tally:
    """Launch one run for all tables, divisions and years; wait for its end.

    Raises:
        DemoError: a table failed; the message has Dagster's own.
    """
    tally = Tally(divisions=len(divisions))
    for table in tables:
        tally.tables_by_group.setdefault(table.group, []).append(table.name)
    steps = {f"{STEP_PREFIX}{table.name}" for table in tables}
    first, last = f"{divisions[0]}|{years[0]}", f"{divisions[-1]}|{years[-1]}"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("tables", total=len(tables))
        run_id = dagster.launch_range([table.name for table in tables], first=first, last=last)
        for event in dagster.follow(run_id):
            _note(event, tally, run_id)
            if event.get("__typename") == "ExecutionStepSuccessEvent" and event["stepKey"] in steps:
                progress.advance(task)
    return tally


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTally:
    """What the run of all checks said."""

    passed: int
    others: tuple[str, ...]
    """Table, check and what it says, of each that did not pass."""


def run_all_checks(dagster: Webserver, tables: Sequence[Table], *, console: Console) -> CheckTally:
    """Launch the job of all checks and wait for its end.

    Raises:
        DemoError: a table's checks could not run; the message has Dagster's own.
    """
    passed, others = 0, []
    steps = {f"{STEP_PREFIX}{table.name}" for table in tables}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("tables", total=len(tables))
        run_id = dagster.launch_job("exact_checks")
        for event in dagster.follow(run_id):
            _raise_failure(event, run_id)
            if event.get("__typename") == "ExecutionStepSuccessEvent" and event["stepKey"] in steps:
                progress.advance(task)
            elif event.get("__typename") == "AssetCheckEvaluationEvent":
                found = event["evaluation"]
                passed += found["success"]
                if not found["success"]:
                    others.append(f"{found['assetKey']['path'][-1]} {found['checkName']}: {found['description']}")
    return CheckTally(passed=passed, others=tuple(others))


def _note(event: dict[str, Any], tally: Tally, run_id: str) -> None:
    if event.get("__typename") == "MaterializationEvent":
        entries = {entry["label"]: entry["intValue"] for entry in event["metadataEntries"] if "intValue" in entry}
        tally.add(event["assetKey"]["path"][-1], event["partition"] or "", entries)
    _raise_failure(event, run_id)


def _raise_failure(event: dict[str, Any], run_id: str) -> None:
    if event.get("__typename") == "ExecutionStepFailureEvent":
        raise DemoError(f"{event['stepKey']} failed: {event['error']['message']}")
    if event.get("status") not in (None, "SUCCESS"):
        raise DemoError(f"run {run_id} ended with {event['status']}")
