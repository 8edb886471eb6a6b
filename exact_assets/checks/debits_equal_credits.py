"""Debits equal credits in each entry and each period of the ledger, to the cent."""

from datetime import UTC, datetime, timedelta

from exact_assets.checks.check import RowCheck, Search
from exact_assets.checks.ledger import ENTRIES_NAMED, is_ledger
from exact_assets.checks.sql import values
from exact_assets.checks.subject import Subject
from exact_assets.warehouse.sql.names import DIVISION, LOADED_AT, text

_SETTLED = timedelta(hours=1)
"""An entry that has not changed for so long has all its lines, and no other."""


def _search(subject: Subject) -> Search:
    """Search entries, and periods that do not add up though each of their entries does: one of them is in two.

    An entry of the starting year may lack lines that were left out, and one of a division that is being loaded may
    lack those that are still to come. One that has just changed may still have a line that Exact has deleted: the
    deletion log is read at its own times.
    """
    lines = subject.live(subject.table)
    firsts = values(("division", "first_year"), subject.first_years.items())
    settled = f"cast({text((datetime.now(UTC) - _SETTLED).isoformat())} AS TIMESTAMP WITH TIME ZONE)"
    loading = ", ".join(map(str, sorted(subject.unsettled))) or "NULL"
    return Search(
        statement=f"""
WITH parts AS (
    SELECT {DIVISION}, entry_id, financial_year, financial_period, min(entry_number) AS entry_number,
        sum(amount_dc) AS amount, max({LOADED_AT}) AS changed_at
    FROM {lines} AS r WHERE entry_id IS NOT NULL
    GROUP BY {DIVISION}, entry_id, financial_year, financial_period
), entries AS (
    SELECT {DIVISION}, entry_id, min(entry_number) AS entry_number, min(financial_year) AS financial_year,
        min(financial_period) AS financial_period, sum(amount) AS amount, max(changed_at) AS changed_at
    FROM parts GROUP BY {DIVISION}, entry_id HAVING round(sum(amount), 2) <> 0
), periods AS (
    SELECT {DIVISION}, financial_year, financial_period, sum(amount) AS amount
    FROM parts GROUP BY {DIVISION}, financial_year, financial_period HAVING round(sum(amount), 2) <> 0
), ranked AS (
    SELECT p.{DIVISION}, p.financial_year, p.financial_period, p.amount, x.entry_number,
        row_number() OVER (
            PARTITION BY p.{DIVISION}, p.financial_year, p.financial_period
            ORDER BY x.changed_at DESC NULLS LAST, x.entry_number
        ) AS place
    FROM periods AS p JOIN parts AS x ON x.{DIVISION} = p.{DIVISION}
        AND x.financial_year IS NOT DISTINCT FROM p.financial_year
        AND x.financial_period IS NOT DISTINCT FROM p.financial_period
    WHERE round(x.amount, 2) <> 0
)
SELECT e.{DIVISION}, (coalesce(e.financial_year > f.first_year, TRUE)
        AND coalesce(e.changed_at < {settled}, TRUE)
        AND coalesce(e.{DIVISION} NOT IN ({loading}), TRUE)) AS is_certain,
    'entry' AS unbalanced, e.financial_year, e.financial_period, round(e.amount, 2) AS difference,
    cast(e.entry_number AS VARCHAR) AS entries
FROM entries AS e LEFT JOIN {firsts} AS f ON f.division = e.{DIVISION}
UNION ALL
SELECT {DIVISION}, FALSE, 'period', financial_year, financial_period, round(max(amount), 2),
    string_agg(cast(entry_number AS VARCHAR), ', ' ORDER BY place)
FROM ranked WHERE place <= {ENTRIES_NAMED}
GROUP BY {DIVISION}, financial_year, financial_period
"""
    )


DEBITS_EQUAL_CREDITS = RowCheck(
    name="debits_equal_credits",
    description="Debits equal credits in each entry and each period, to the cent.",
    advice="Load the ledger of the divisions named; if it stays so, reload the year named.",
    is_offered=is_ledger,
    search=_search,
    is_of_ledger=True,
)
