"""Each account of the ledger has Exact's own balance in each year and period, to the cent.

Balances are those that the warehouse keeps; where they are not chosen for copying, Exact is asked. A difference is
certain only where the ledger has all that Exact has, which takes one call in each division that has one.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables
from exact_assets.checks.asking import CHECKED_AT_ONCE, OpenClient, count_changes
from exact_assets.checks.check import ExactCheck, Search
from exact_assets.checks.ledger import BALANCE, ENTRIES_NAMED, IN_THE_BOOKS, is_ledger
from exact_assets.checks.result import CheckRun
from exact_assets.checks.sql import live, values
from exact_assets.checks.subject import Subject, unsettled
from exact_assets.checks.violations import ViolationCount, Violations, find_violations, results_of
from exact_assets.containment import contained
from exact_assets.cursors import SnapshotCursor
from exact_assets.errors import ExactError
from exact_assets.exact.client import ExactClient
from exact_assets.feeds.questions import question_of_table
from exact_assets.feeds.rows import as_rows
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, LOADED_AT, qualified

_NAME = "balances_equal_exact"
_ADVICE = (
    "Load the ledger and the reporting balance of the divisions named; if a difference stays, reload the year "
    "of the ledger, and look at the entries named in Exact Online."
)
ASKED = "asked_balances"
"""The relation with balances that were read just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _BalanceYears:
    """With what a division's ledger is compared."""

    first_year: int
    read_at: datetime
    """When the balances were read, or earlier."""


async def _compare(subject: Subject, open_client: OpenClient, divisions: Collection[int]) -> CheckRun:
    """Compare the ledger with Exact's balances in each division whose rows are all there."""
    if not subject.streams:
        return CheckRun(check=_NAME)
    calls = 0
    if subject.balance is not None:
        known, skipped = _kept(subject)
        found = await _find(subject, subject.balance, known, asked=None)
        if any(count.certain for count in found.counts.values()):
            async with open_client() as client:
                found, calls = await _settled(subject, found, client, divisions)
    else:
        async with open_client() as client:
            known, skipped, rows, read_calls = await _asked(subject, client, divisions)
            found = await _find(subject, tables()[BALANCE], known, asked=rows)
            found, calls = await _settled(subject, found, client, divisions)
            calls += read_calls
    return CheckRun(check=_NAME, divisions=results_of(found, checked=known, skipped=skipped), calls=calls)


async def _find(
    subject: Subject, balance: Table, known: Mapping[int, _BalanceYears], *, asked: pa.Table | None
) -> Violations:
    balances = live(balance) if asked is None else ASKED
    search = Search(
        statement=_differences(subject.table, balances, known), relations={} if asked is None else {ASKED: asked}
    )
    (found,) = await asyncio.to_thread(find_violations, subject.warehouse, [search])
    return found or Violations()


def _kept(subject: Subject) -> tuple[dict[int, _BalanceYears], dict[int, str]]:
    """Return with which of the balances that are kept each division is compared, and of the others why not."""
    known: dict[int, _BalanceYears] = {}
    skipped: dict[int, str] = dict(subject.unsettled)
    for division in subject.streams.keys() - skipped.keys():
        state, _ = subject.balance_streams.get(division, (None, None))
        why = "it was never loaded" if state is None else unsettled(state)
        if state is None or why is not None:
            skipped[division] = f"{BALANCE}: {why}"
        elif not isinstance(state.cursor, SnapshotCursor):
            skipped[division] = f"{BALANCE}: it is not known when it was read"
        else:
            first = max(_first_year(subject, division), state.start_year or subject.start_year)
            known[division] = _BalanceYears(first_year=first, read_at=state.cursor.read_at)
    return known, skipped


async def _asked(
    subject: Subject, client: ExactClient, divisions: Collection[int]
) -> tuple[dict[int, _BalanceYears], dict[int, str], pa.Table, int]:
    """Read the balances from Exact."""
    known: dict[int, _BalanceYears] = {}
    skipped: dict[int, str] = dict(subject.unsettled)
    found: list[pa.Table] = []
    places = asyncio.Semaphore(CHECKED_AT_ONCE)
    calls_before = {division: client.calls(division) for division in subject.streams}

    async def one(division: int) -> None:
        years = _BalanceYears(first_year=_first_year(subject, division), read_at=client.server_now())
        try:
            async with places:
                found.append(await _read(client, division, years, zone=subject.zone))
        except ExactError as error:
            skipped[division] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this division alone
            skipped[division] = str(contained(error, subject=f"{BALANCE} of division {division}"))
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


async def _read(client: ExactClient, division: int, years: _BalanceYears, *, zone: str) -> pa.Table:
    table = tables()[BALANCE]
    question = question_of_table(table, {"$filter": f"ReportingYear ge {years.first_year}"})
    found: list[pa.Table] = []
    async for page in client.pages(division, question):
        page.require_fit(table.name)
        found.append(page.rows)
    return as_rows(found, table, division=division, zone=zone, start_year=years.first_year)


async def _settled(
    subject: Subject, found: Violations, client: ExactClient, divisions: Collection[int]
) -> tuple[Violations, int]:
    """Take the certainty from divisions in which Exact's ledger has changes that are not here yet."""
    doubted = [division for division, count in found.counts.items() if count.certain]
    calls_before = {division: client.calls(division) for division in doubted}
    is_behind = {
        division: division not in divisions or await _is_behind(subject, client, division) for division in doubted
    }
    counts = {
        division: ViolationCount(possible=count.certain + count.possible) if is_behind.get(division) else count
        for division, count in found.counts.items()
    }
    examples = tuple(
        {**row, "is_certain": row["is_certain"] and not is_behind.get(row["division"])} for row in found.examples
    )
    calls = sum(client.calls(division) - before for division, before in calls_before.items())
    return Violations(counts=counts, examples=examples), calls


async def _is_behind(subject: Subject, client: ExactClient, division: int) -> bool:
    """Ask whether the ledger has changed since it was read; what Exact does not tell is taken for a yes."""
    state, _ = subject.streams[division]
    try:
        changed = await count_changes(
            subject.table, state, division=division, client=client, warehouse=subject.warehouse
        )
    except ExactError:
        return True
    except Exception as error:  # noqa: BLE001 - logged; whether it has changed is not known
        contained(error, subject=f"The count of {subject.table.name} of division {division}")
        return True
    return changed != 0


def _first_year(subject: Subject, division: int) -> int:
    return subject.first_years.get(division, subject.start_year)


def _differences(ledger: Table, balances: str, divisions: Mapping[int, _BalanceYears]) -> str:
    """Write the search for sums of the ledger per account, year and period that are not Exact's own."""
    facts = values(
        ("division", "first_year", "read_at"),
        ((division, years.first_year, years.read_at) for division, years in divisions.items()),
        types={"read_at": "TIMESTAMP WITH TIME ZONE"},
    )
    return f"""
WITH lines AS (
    SELECT {DIVISION}, gl_account, gl_account_code, financial_year AS year, financial_period AS period,
        entry_number, amount_dc, "timestamp", {DELETED_AT}, {LOADED_AT}
    FROM {qualified(ledger.name)} AS r WHERE status >= {IN_THE_BOOKS} OR status IS NULL
), ours AS (
    SELECT division, gl_account, year, period, min(gl_account_code) AS code, sum(amount_dc) AS amount
    FROM lines WHERE {DELETED_AT} IS NULL GROUP BY division, gl_account, year, period
), booked AS (
    SELECT {DIVISION}, cast(gl_account AS UUID) AS gl_account, reporting_year AS year, reporting_period AS period,
        gl_account_code, amount
    FROM {balances} AS b WHERE status >= {IN_THE_BOOKS} OR status IS NULL
), theirs AS (
    SELECT division, gl_account, year, period, min(gl_account_code) AS code, sum(amount) AS amount
    FROM booked GROUP BY division, gl_account, year, period
), differences AS (
    SELECT coalesce(o.division, t.division) AS division, coalesce(o.gl_account, t.gl_account) AS gl_account,
        coalesce(o.code, t.code) AS code, coalesce(o.year, t.year) AS year, coalesce(o.period, t.period) AS period,
        round(coalesce(o.amount, 0), 2) AS ledger, round(coalesce(t.amount, 0), 2) AS exact
    FROM ours AS o FULL JOIN theirs AS t ON {_same_account("o", "t")}
    WHERE round(coalesce(o.amount, 0) - coalesce(t.amount, 0), 2) <> 0
), due AS (
    SELECT d.*, f.read_at FROM differences AS d JOIN {facts} AS f ON f.division = d.division
    WHERE d.year >= f.first_year
), changes AS (
    SELECT p.division, p.year, p.period, max(greatest(l.{LOADED_AT}, coalesce(l.{DELETED_AT}, l.{LOADED_AT}))) AS at
    FROM (SELECT DISTINCT division, year, period FROM due) AS p JOIN lines AS l ON {_same_period("l", "p")}
    GROUP BY p.division, p.year, p.period
), entries AS (
    SELECT d.division, d.gl_account, d.year, d.period, l.entry_number, row_number() OVER (
            PARTITION BY d.division, d.gl_account, d.year, d.period
            ORDER BY max(l."timestamp") DESC NULLS LAST, l.entry_number
        ) AS place
    FROM due AS d JOIN lines AS l ON {_same_account("l", "d")}
    GROUP BY d.division, d.gl_account, d.year, d.period, l.entry_number
), named AS (
    SELECT division, gl_account, year, period,
        string_agg(cast(entry_number AS VARCHAR), ', ' ORDER BY place) AS entries
    FROM entries WHERE place <= {ENTRIES_NAMED} GROUP BY division, gl_account, year, period
)
SELECT d.division, coalesce(c.at < d.read_at, TRUE) AS is_certain, d.code AS account, d.year, d.period, d.ledger,
    d.exact, n.entries
FROM due AS d
LEFT JOIN changes AS c ON {_same_period("c", "d")}
LEFT JOIN named AS n ON {_same_account("n", "d")}
"""


def _same_period(one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in ("division", "year", "period"))


def _same_account(one: str, other: str) -> str:
    return f"{_same_period(one, other)} AND {one}.gl_account = {other}.gl_account"


BALANCES_EQUAL_EXACT = ExactCheck(
    name=_NAME,
    description="Each account has Exact's own balance in each year and period, to the cent.",
    is_offered=is_ledger,
    compare=_compare,
    advice=_ADVICE,
    is_of_ledger=True,
)
