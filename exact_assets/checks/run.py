"""Runs the checks of a table: one opening of the warehouse for those that look at rows, calls for the others."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import Check, ExactCheck, RowCheck, StateCheck
from exact_assets.checks.result import CheckRun, CheckStatus, DivisionResult
from exact_assets.checks.subject import Subject
from exact_assets.checks.violations import find_violations, results_of
from exact_assets.errors import ExactError, WarehouseBusyError
from exact_assets.exact.client import ExactClient
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets.warehouse.sql.names import DIVISION

NOT_THERE = DivisionResult(status=CheckStatus.NOT_CHECKED, words="a table that it looks at is not in the warehouse")


class ExactAccess(Protocol):
    """The way to Exact, opened only for what needs it."""

    @property
    def zone(self) -> str:
        """The time zone of the site's wall clocks."""

    def client(self) -> AbstractAsyncContextManager[ExactClient]:
        """Open a client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What is to be checked of a table."""

    table: Table
    kept: tuple[Table, ...]
    """All tables that are kept."""
    checks: tuple[Check, ...]
    divisions: Collection[int] | None
    """Those whose rows are looked at; None: all."""
    enabled: Collection[int]
    """Those that Exact may be asked about."""
    start_year: int


async def run_checks(request: CheckRequest, *, exact: ExactAccess, warehouse: Warehouse) -> Sequence[CheckRun]:
    """Check a table.

    A warehouse that is busy, or an Exact that cannot be asked, is no fault of the rows: such a run says what stood
    in its way.
    """
    try:
        subject = Subject.read(
            request.table,
            request.kept,
            warehouse=warehouse,
            zone=exact.zone,
            start_year=request.start_year,
            divisions=request.divisions,
        )
        runs = _search(subject, [check for check in request.checks if isinstance(check, RowCheck)])
        runs += [
            CheckRun(check=check.name, divisions=check.judge(subject))
            for check in request.checks
            if isinstance(check, StateCheck)
        ]
    except WarehouseBusyError as error:
        return [CheckRun(check=check.name, obstacle=str(error)) for check in request.checks]
    for check in request.checks:
        if isinstance(check, ExactCheck):
            runs.append(await _compare(check, request, subject, exact))
    return runs


def _search(subject: Subject, checks: Sequence[RowCheck]) -> list[CheckRun]:
    if not checks:
        return []
    searches = [check.search(subject) for check in checks]
    found = find_violations(subject.warehouse, searches)
    rows = _row_counts(subject)
    return [
        CheckRun(
            check=check.name,
            divisions=dict.fromkeys(subject.streams, NOT_THERE)
            if violations is None
            else results_of(
                violations,
                checked=subject.streams.keys() - search.skipped.keys() - search.outside.keys(),
                rows=rows,
                skipped=search.skipped,
                outside=search.outside,
            ),
        )
        for check, search, violations in zip(checks, searches, found, strict=True)
    ]


def _row_counts(subject: Subject) -> Mapping[int, int]:
    statement = f"SELECT {DIVISION}, count(*) AS found FROM {subject.live(subject.table)} AS r GROUP BY {DIVISION}"
    (found,) = subject.warehouse.query([Query(statement=statement)])
    counts = {row[DIVISION]: row["found"] for row in found or ()}
    return {division: counts.get(division, 0) for division in subject.streams}


async def _compare(check: ExactCheck, request: CheckRequest, subject: Subject, exact: ExactAccess) -> CheckRun:
    try:
        return await check.compare(subject, exact.client, request.enabled)
    except (WarehouseBusyError, ExactError) as error:
        return CheckRun(check=check.name, obstacle=str(error))
