"""The ledger beside Exact's own balances, per account, year and period, to the cent.

Balances are those that the warehouse keeps; where they are not chosen for copying, Exact is asked. A difference is
certain only where the ledger has all that Exact has, which takes one call in each division that has one.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pyarrow as pa

from exact_assets.catalogue.checks import BALANCE, Check
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables
from exact_assets.errors import ExactError
from exact_assets.exact.client import ExactClient
from exact_assets.feeds.rows import as_rows, page_schema, select_list
from exact_assets.feeds.wall_clock import parse_utc
from exact_assets.verify.changes import count_changes
from exact_assets.verify.subject import Subject, unsettled
from exact_assets.verify.verdict import Verdict, never_loaded, of_violations
from exact_assets.warehouse.probes import BalanceYears, Tally, Violations, WrongBalances

OpenClient = Callable[[], AbstractAsyncContextManager[ExactClient]]
DIVISIONS_AT_ONCE = 8


async def balances(subject: Subject, open_client: OpenClient, *, divisions: Collection[int]) -> Verdict:
    """Compare the ledger with Exact's balances in each division whose rows are all there."""
    if not subject.streams:
        return never_loaded(Check.BALANCES_EQUAL_EXACT)
    if subject.balance is not None:
        known, skipped = _kept(subject)
        found = await _find(subject, subject.balance, known, asked=None)
        if not any(tally.certain for tally in found.tallies.values()):
            return of_violations(Check.BALANCES_EQUAL_EXACT, found, checked=len(known), skipped=skipped)
        async with open_client() as client:
            found, calls = await _settled(subject, found, client, divisions)
    else:
        async with open_client() as client:
            known, skipped, rows, read_calls = await _asked(subject, client, divisions)
            found = await _find(subject, tables()[BALANCE], known, asked=rows)
            found, calls = await _settled(subject, found, client, divisions)
            calls += read_calls
    verdict = of_violations(Check.BALANCES_EQUAL_EXACT, found, checked=len(known), skipped=skipped)
    return replace(verdict, calls=calls)


async def _find(
    subject: Subject, balance: Table, known: Mapping[int, BalanceYears], *, asked: pa.Table | None
) -> Violations:
    probe = WrongBalances(table=subject.table, balance=balance, divisions=known, asked=asked)
    (found,) = await asyncio.to_thread(subject.warehouse.find_violations, [probe])
    return found or Violations()


def _kept(subject: Subject) -> tuple[dict[int, BalanceYears], dict[int, str]]:
    """Tell with which of the balances that are kept each division is compared, and of the others why not."""
    known: dict[int, BalanceYears] = {}
    skipped: dict[int, str] = dict(subject.unsettled)
    for division in subject.streams.keys() - skipped.keys():
        state, _ = subject.balance_streams.get(division, (None, None))
        why = "it was never loaded" if state is None else unsettled(state)
        if state is None or state.cursor is None or why is not None:
            skipped[division] = f"{BALANCE}: {why}"
        else:
            first = max(_first_year(subject, division), state.start_year or subject.start_year)
            known[division] = BalanceYears(first_year=first, read_at=parse_utc(state.cursor))
    return known, skipped


async def _asked(
    subject: Subject, client: ExactClient, divisions: Collection[int]
) -> tuple[dict[int, BalanceYears], dict[int, str], pa.Table, int]:
    """Read the balances from Exact."""
    known: dict[int, BalanceYears] = {}
    skipped: dict[int, str] = dict(subject.unsettled)
    found: list[pa.Table] = []
    places = asyncio.Semaphore(DIVISIONS_AT_ONCE)
    calls_before = {division: client.calls(division) for division in subject.streams}

    async def one(division: int) -> None:
        years = BalanceYears(first_year=_first_year(subject, division), read_at=client.server_now())
        try:
            async with places:
                found.append(await _read(client, division, years, zone=subject.zone))
        except ExactError as error:
            skipped[division] = str(error)
        else:
            known[division] = years

    async with asyncio.TaskGroup() as tasks:
        for division in subject.streams.keys() - skipped.keys():
            if division in divisions:
                tasks.create_task(one(division))
            else:
                skipped[division] = "it is not chosen for copying any more"
    rows = pa.concat_tables(found) if found else tables()[BALANCE].arrow_schema.empty_table()
    return known, skipped, rows, sum(client.calls(one) - before for one, before in calls_before.items())


async def _read(client: ExactClient, division: int, years: BalanceYears, *, zone: str) -> pa.Table:
    table = tables()[BALANCE]
    params = {"$filter": f"ReportingYear ge {years.first_year}", "$select": select_list(table.columns)}
    pages = client.pages(division, table.endpoint, params, schema=page_schema(table.columns), key=("ID",))
    found = [page.rows async for page in pages]
    return as_rows(found, table, division=division, zone=zone, start_year=years.first_year)


async def _settled(
    subject: Subject, found: Violations, client: ExactClient, divisions: Collection[int]
) -> tuple[Violations, int]:
    """Take the certainty from divisions in which Exact's ledger has changes that are not here yet."""
    doubted = [division for division, tally in found.tallies.items() if tally.certain]
    calls_before = {division: client.calls(division) for division in doubted}
    is_behind = {
        division: division not in divisions or await _is_behind(subject, client, division) for division in doubted
    }
    tallies = {
        division: Tally(maybe=tally.certain + tally.maybe) if is_behind.get(division) else tally
        for division, tally in found.tallies.items()
    }
    examples = tuple(
        {**row, "is_certain": row["is_certain"] and not is_behind.get(row["division"])} for row in found.examples
    )
    calls = sum(client.calls(division) - before for division, before in calls_before.items())
    return Violations(tallies=tallies, examples=examples), calls


async def _is_behind(subject: Subject, client: ExactClient, division: int) -> bool:
    """Ask whether the ledger has changed since it was read; what Exact does not tell is taken for a yes."""
    state, _ = subject.streams[division]
    try:
        changed = await count_changes(
            subject.table, state, division=division, client=client, warehouse=subject.warehouse
        )
    except ExactError:
        return True
    return changed != 0


def _first_year(subject: Subject, division: int) -> int:
    return subject.first_years.get(division, subject.start_year)
