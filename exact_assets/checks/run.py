"""Runs the checks of a table: one opening of the warehouse for those that look at rows, calls for the others."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import Check, ExactCheck, RowCheck
from exact_assets.checks.result import CheckResult, never_loaded, not_checked
from exact_assets.checks.subject import Subject
from exact_assets.checks.violations import find_violations, result_of_violations
from exact_assets.errors import ExactError, WarehouseBusyError
from exact_assets.exact.client import ExactClient
from exact_assets.warehouse.protocol import Warehouse


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
    divisions: Collection[int]
    """Those that Exact may be asked about. What is kept is checked for all."""
    start_year: int


async def run_checks(request: CheckRequest, *, exact: ExactAccess, warehouse: Warehouse) -> Sequence[CheckResult]:
    """Check a table in all divisions.

    A warehouse that is busy, or an Exact that cannot be asked, is no fault of the rows: the result says that they
    were not checked.
    """
    try:
        subject = Subject.read(
            request.table, request.kept, warehouse=warehouse, zone=exact.zone, start_year=request.start_year
        )
        results = _search(subject, [check for check in request.checks if isinstance(check, RowCheck)])
    except WarehouseBusyError as error:
        return [not_checked(check.name, str(error)) for check in request.checks]
    for check in request.checks:
        if isinstance(check, ExactCheck):
            results.append(await _compare(check, request, subject, exact))
    return results


def _search(subject: Subject, checks: Sequence[RowCheck]) -> list[CheckResult]:
    searches = [check.search(subject) for check in checks]
    found = find_violations(subject.warehouse, searches)
    return [
        never_loaded(check.name)
        if violations is None or not (subject.streams or violations.counts)
        else result_of_violations(
            check.name,
            violations,
            advice=check.advice,
            checked=len(subject.streams.keys() - search.skipped.keys() - search.outside.keys()),
            skipped=search.skipped,
            outside=search.outside,
        )
        for check, search, violations in zip(checks, searches, found, strict=True)
    ]


async def _compare(check: ExactCheck, request: CheckRequest, subject: Subject, exact: ExactAccess) -> CheckResult:
    try:
        return await check.compare(subject, exact.client, request.divisions)
    except (WarehouseBusyError, ExactError) as error:
        return not_checked(check.name, str(error))
