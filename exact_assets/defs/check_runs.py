"""Runs the checks of a table for a run of Dagster, and keeps what they find per division.

A load checks its own divisions only, so that a check costs what has changed; what is shown is all divisions.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import Check, ExactCheck
from exact_assets.checks.headers import line_header_of
from exact_assets.checks.kept import divisions_to_check, merged, newly_kept, outdated, results
from exact_assets.checks.registry import checks_of
from exact_assets.checks.result import CheckResult, CheckRun, CheckStatus, DivisionResult
from exact_assets.checks.run import CheckRequest
from exact_assets.checks.summary import Results, not_run, summarise, with_obstacle
from exact_assets.containment import contained
from exact_assets.defs.check_results import asset_check_result
from exact_assets.defs.loads import Load
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import DIVISIONS
from exact_assets.defs.resources import ExactSession, session_of
from exact_assets.defs.selection import numbers
from exact_assets.errors import ExactAssetsError
from exact_assets.next_state import notes_of
from exact_assets.request import Outcome

CHANGED = DivisionResult(
    status=CheckStatus.NOT_CHECKED,
    words="its rows have changed since it was compared with Exact, which `exact_checks` does once a day",
)


def check_everything(
    context: dg.AssetExecutionContext, location: CodeLocation, table: Table
) -> Iterator[dg.AssetCheckResult]:
    """Run the checks that a run selects, in all divisions, and keep what they find."""
    exact, checks = session_of(context), _selected(context, location, table)
    try:
        found = _checked_everywhere(context, exact, location, table, checks)
    except Exception as error:  # noqa: BLE001 - logged; of the rows it says nothing
        told = contained(error, subject=f"The checks of {table.name}")
        found = [not_run(check.name, str(told)) for check in checks]
    for result in found:
        yield asset_check_result(result, location.key(table))


def check_nothing(
    context: dg.AssetExecutionContext, location: CodeLocation, table: Table, *, obstacle: str
) -> Iterator[dg.AssetCheckResult]:
    """Yield for each check that it could not run, as the load before it could not: that is nothing about rows."""
    exact, checks = session_of(context), _selected(context, location, table)
    try:
        kept = exact.check_results.read(table.name) if checks else {}
    except ExactAssetsError as error:
        contained(error, subject=f"What checks found in {table.name}")
        kept = {}
    for check in checks:
        before = summarise(check.name, results(kept.get(check.name, {})), advice=check.advice)
        yield asset_check_result(with_obstacle(before, obstacle), location.key(table))


def _checked_everywhere(
    context: dg.AssetExecutionContext,
    exact: ExactSession,
    location: CodeLocation,
    table: Table,
    checks: tuple[Check, ...],
) -> Sequence[CheckResult]:
    divisions = numbers(context.instance.get_dynamic_partitions(str(DIVISIONS.name)))
    runs = exact.run_checks(_request(location, table, checks, divisions=None, enabled=divisions))
    kept = exact.check_results.read(table.name)
    changes = newly_kept(kept, runs, at=datetime.now(UTC), is_of_all=True)
    exact.check_results.write(table.name, changes)
    now, by_name = merged(kept, changes), {run.check: run for run in runs}
    return [_result(check, results(now.get(check.name, {})), by_name[check.name]) for check in checks]


def check_load(
    context: dg.AssetExecutionContext, location: CodeLocation, table: Table, done: Load
) -> Iterator[dg.AssetCheckResult]:
    """Check what a load brought, and show each check's result over all divisions.

    Only checks that cost no calls run, and only in divisions whose rows changed or where not all is known to be
    well. Of the others, what they found in rows that have not changed since is shown.
    """
    exact, checks = session_of(context), _selected(context, location, table)
    try:
        found = _checked(exact, location, table, checks, done)
    except Exception as error:  # noqa: BLE001 - logged; what is loaded is stored and recorded by now
        told = contained(error, subject=f"The checks of {table.name}")
        found = [not_run(check.name, str(told)) for check in checks]
    for result in found:
        yield asset_check_result(result, location.key(table))


def _checked(
    exact: ExactSession, location: CodeLocation, table: Table, checks: tuple[Check, ...], done: Load
) -> Sequence[CheckResult]:
    changed = {one for one, outcome in done.outcomes.items() if _has_news(outcome)} | done.unrecorded
    before = exact.check_results.read(table.name)
    names = [check.name for check in checks_of(table, kept=location.tables)]
    # Written before anything is looked at: whatever happens then, nothing is green that nobody has seen.
    changes = outdated(before, names, changed)
    exact.check_results.write(table.name, changes)
    kept = merged(before, changes)
    free = tuple(check for check in checks if not isinstance(check, ExactCheck))
    # A line's result depends on its headers, too, which another table's load brings or takes.
    always = done.outcomes.keys() if line_header_of(table) is not None else ()
    due = divisions_to_check(kept, [check.name for check in free], done.outcomes, changed=always)
    runs: Sequence[CheckRun] = ()
    if due and free:
        runs = exact.run_checks(_request(location, table, free, divisions=due, enabled=()))
        changes = newly_kept(kept, runs, at=datetime.now(UTC), is_of_all=False)
        exact.check_results.write(table.name, changes)
        kept = merged(kept, changes)
    by_name = {run.check: run for run in runs}
    known = {division for its in (*before.values(), *kept.values()) for division in its}
    has_failed = any(outcome.error is not None for outcome in done.outcomes.values())
    told: list[CheckResult] = []
    for check in checks:
        found = results(kept.get(check.name, {}))
        if isinstance(check, ExactCheck) and found:
            found = {**dict.fromkeys(known, CHANGED), **found}
        if found or has_failed or not isinstance(check, ExactCheck):
            told.append(_result(check, found, by_name.get(check.name)))
    return told


def _has_news(outcome: Outcome) -> bool:
    """Return whether a check may find something else than before: in rows, or in what is noted of them."""
    return bool(outcome.changes.count) or notes_of(outcome.before) != notes_of(outcome.state)


def _result(check: Check, found: Results, run: CheckRun | None) -> CheckResult:
    if isinstance(check, ExactCheck) and run is None and not found:
        return not_run(check.name, CHANGED.words)
    result = summarise(check.name, found, advice=check.advice, calls=run.calls if run else 0)
    return result if run is None or run.obstacle is None else with_obstacle(result, run.obstacle)


def outdate_checks(exact: ExactSession, divisions: Mapping[str, Collection[int]]) -> None:
    """Forget what checks found in rows that were taken away since, by table: the next load checks what is left."""
    for name, its_divisions in divisions.items():
        try:
            kept = exact.check_results.read(name)
            exact.check_results.write(name, outdated(kept, list(kept), its_divisions))
        except Exception as error:  # noqa: BLE001 - logged; the rows are gone, and that is recorded
            contained(error, subject=f"What checks found in {name}")


def _selected(context: dg.AssetExecutionContext, location: CodeLocation, table: Table) -> tuple[Check, ...]:
    chosen = {selected.name for selected in context.selected_asset_check_keys}
    return tuple(check for check in checks_of(table, kept=location.tables) if check.name in chosen)


def _request(
    location: CodeLocation,
    table: Table,
    checks: tuple[Check, ...],
    *,
    divisions: Collection[int] | None,
    enabled: Collection[int],
) -> CheckRequest:
    return CheckRequest(
        table=table,
        kept=location.tables,
        checks=checks,
        divisions=divisions,
        enabled=enabled,
        start_year=location.config.start_year,
    )
