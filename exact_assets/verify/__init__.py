"""Holds what is kept to what must be true of it, and to what Exact says: tables in, a verdict per check out.

Which checks a table has is the catalogue's, the SQL the warehouse's; Dagster is not known here.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from exact_assets.catalogue.checks import Check
from exact_assets.catalogue.table import Table
from exact_assets.errors import ExactError, WarehouseBusyError
from exact_assets.exact.client import ExactClient
from exact_assets.verify.balances import balances
from exact_assets.verify.counts import count_rows
from exact_assets.verify.inspect import inspect
from exact_assets.verify.subject import Subject
from exact_assets.verify.verdict import Result, Verdict, not_checked
from exact_assets.warehouse.protocol import Warehouse

__all__ = ["Exact", "Order", "Result", "Subject", "Verdict", "verify"]

REMOTE = (Check.ROW_COUNT, Check.BALANCES_EQUAL_EXACT)
"""Checks that ask Exact."""


class Exact(Protocol):
    """The way to Exact, opened only for what needs it."""

    @property
    def zone(self) -> str:
        """The time zone of the site's wall clocks."""

    def client(self) -> AbstractAsyncContextManager[ExactClient]:
        """Open a client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be checked of a table."""

    table: Table
    kept: tuple[Table, ...]
    """All tables that are kept."""
    checks: tuple[Check, ...]
    divisions: Collection[int]
    """Those that Exact may be asked about. What is kept is checked for all."""
    start_year: int


async def verify(order: Order, *, exact: Exact, warehouse: Warehouse) -> Sequence[Verdict]:
    """Check a table in all divisions.

    A warehouse that is busy, or an Exact that cannot be asked, is no fault of the rows: the verdict says that they
    were not checked.
    """
    try:
        subject = Subject.read(
            order.table, order.kept, warehouse=warehouse, zone=exact.zone, start_year=order.start_year
        )
        verdicts = inspect(subject, [check for check in order.checks if check not in REMOTE])
    except WarehouseBusyError as error:
        return [not_checked(check, str(error)) for check in order.checks]
    for check in REMOTE:
        if check in order.checks:
            verdicts.append(await _ask(check, order, subject, exact))
    return verdicts


async def _ask(check: Check, order: Order, subject: Subject, exact: Exact) -> Verdict:
    work = count_rows if check is Check.ROW_COUNT else balances
    try:
        return await work(subject, exact.client, divisions=order.divisions)
    except (WarehouseBusyError, ExactError) as error:
        return not_checked(check, str(error))
