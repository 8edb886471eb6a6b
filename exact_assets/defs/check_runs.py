"""Runs the checks of a table for a run of Dagster, and keeps what they find per division.

A load checks its own divisions only, so that a check costs what has changed; what is shown is all divisions.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import Check, ExactCheck, RowCheck
from exact_assets.checks.headers import line_header_of
from exact_assets.checks.kept import divisions_to_check, merged, newly_kept, outdated, results
from exact_assets.checks.registry import checks_of
from exact_assets.checks.result import CheckRun, DivisionResult
from exact_assets.checks.run import CheckRequest
from exact_assets.checks.summary import not_run, summarise
from exact_assets.defs.check_results import asset_check_result
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import DIVISIONS
from exact_assets.defs.resources import ExactSession, session_of
from exact_assets.replicate import Outcome


def check_everything(
    context: dg.AssetExecutionContext, location: CodeLocation, table: Table
) -> Iterator[dg.AssetCheckResult]:
    """Run the checks that a run selects, in all divisions, and keep what they find."""
    exact, checks = session_of(context), _selected(context, location, table)
    divisions = {int(key) for key in context.instance.get_dynamic_partitions(str(DIVISIONS.name))}
    request = _request(location, table, checks, divisions=None, enabled=divisions)
    runs = {run.check: run for run in exact.run_checks(request)}
    before = exact.check_results.read(table.name)
    changes = newly_kept(before, runs.values(), at=datetime.now(UTC), is_of_all=True)
    exact.check_results.write(table.name, changes)
    now = merged(before, changes)
    for check in checks:
        run = runs[check.name]
        found = {**results(now.get(check.name, {})), **run.divisions} if run.obstacle is None else {}
        yield _told(check, found, run, key=location.key(table))


def check_load(
    context: dg.AssetExecutionContext, location: CodeLocation, table: Table, outcomes: Mapping[int, Outcome]
) -> Iterator[dg.AssetCheckResult]:
    """Check what a load brought, and show each check's result over all divisions.

    Only checks that cost no calls run, and only in divisions whose rows changed or where not all is known to be
    well. Of the others, what they found in rows that have not changed since is shown.
    """
    exact, checks = session_of(context), _selected(context, location, table)
    if not checks:
        return
    free = tuple(check for check in checks if isinstance(check, RowCheck))
    costly = [check.name for check in checks_of(table, kept=location.tables) if isinstance(check, ExactCheck)]
    changed = {division for division, outcome in outcomes.items() if outcome.changes.count}
    kept = exact.check_results.read(table.name)
    changes = outdated(kept, costly, changed)
    # A line's result depends on its headers, too, which another table's load brings or takes.
    is_of_two = line_header_of(table) is not None
    due = divisions_to_check(
        kept, [check.name for check in free], outcomes, changed=outcomes.keys() if is_of_two else changed
    )
    runs: Mapping[str, CheckRun] = {}
    if due and free:
        request = _request(location, table, free, divisions=due, enabled=())
        runs = {run.check: run for run in exact.run_checks(request)}
        changes = {**changes, **newly_kept(kept, runs.values(), at=datetime.now(UTC), is_of_all=False)}
    exact.check_results.write(table.name, changes)
    now = merged(kept, changes)
    has_failed = any(outcome.error is not None for outcome in outcomes.values())
    for check in checks:
        found = results(now.get(check.name, {}))
        if found or isinstance(check, RowCheck) or has_failed:
            run = runs.get(check.name) or CheckRun(check=check.name)
            yield _told(check, {**found, **run.divisions}, run, key=location.key(table))


def outdate_checks(exact: ExactSession, divisions: Mapping[str, Collection[int]]) -> None:
    """Forget what checks found in rows that were taken away since, by table: the next load checks what is left."""
    for name, its_divisions in divisions.items():
        kept = exact.check_results.read(name)
        exact.check_results.write(name, outdated(kept, list(kept), its_divisions))


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


def _told(
    check: Check, found: Mapping[int, DivisionResult], run: CheckRun, *, key: dg.AssetKey
) -> dg.AssetCheckResult:
    if run.obstacle is not None:
        return asset_check_result(not_run(check.name, run.obstacle), key)
    return asset_check_result(summarise(check.name, found, advice=check.advice, calls=run.calls), key)
