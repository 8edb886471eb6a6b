"""The SQL that finds rows which break a rule. Standard SQL, for any database; no I/O.

Each statement gives a row per violation: `division`, `is_certain` (false: it may pass by itself with the next
load), and the columns that show it to a person.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from exact_assets.catalogue.table import Column, Table, YearKind
from exact_assets.warehouse.ddl import text
from exact_assets.warehouse.naming import (
    DELETED_AT,
    DIVISION,
    DIVISIONS,
    LOADED_AT,
    STREAMS,
    YEAR,
    listed,
    qualified,
    quoted,
)
from exact_assets.warehouse.probes import (
    DoubleKeys,
    ForeignRows,
    LostLines,
    Probe,
    Unbalanced,
    WrongBalances,
    WrongYears,
)

ASKED = "asked_balances"
"""The relation with balances that were read just now."""
IN_THE_BOOKS = 20
"""Status of open lines; those below are drafts and rejected ones, which no balance counts. 50 are processed."""
ENTRIES_NAMED = 8
"""Entries that a difference names, those that changed last before the others."""


def live(table: Table) -> str:
    """Give the rows that are there: those found to be gone from Exact are kept, where they are, as history only."""
    return f"(SELECT * FROM {qualified(table.name)} WHERE {DELETED_AT} IS NULL)"


def count_kept(table: Table) -> str:
    """Count the rows that are there per division and year, and those whose year the first column tells."""
    dated = quoted(table.year[0]) if table.year else "NULL"
    return (
        f"SELECT {DIVISION}, {YEAR}, count(*), count({dated}) FROM {live(table)} AS r GROUP BY {DIVISION}, {YEAR}"
    )


def find(probe: Probe) -> str:
    """Write the statement that answers a probe."""
    match probe:
        case DoubleKeys():
            return _double_keys(probe)
        case ForeignRows():
            return _foreign_rows(probe)
        case WrongYears():
            return _wrong_years(probe)
        case LostLines():
            return _lost_lines(probe)
        case Unbalanced():
            return _unbalanced(probe)
        case WrongBalances():
            return _wrong_balances(probe)


def _double_keys(probe: DoubleKeys) -> str:
    key = listed(probe.table.primary_key)
    return (
        f"SELECT {DIVISION}, TRUE AS is_certain, {listed(probe.table.key)}, count(*) AS copies "
        f"FROM {live(probe.table)} AS r GROUP BY {key} HAVING count(*) > 1"
    )


def _foreign_rows(probe: ForeignRows) -> str:
    """Rows come with a division that was asked; the state of that stream is stored with them."""
    table, keys = probe.table, _listed_keys(probe.table, of="r")
    asked = f"(SELECT DISTINCT {DIVISION} FROM {qualified(STREAMS)} WHERE table_name = {text(table.name)})"
    statement = f"""
SELECT r.{DIVISION}, a.{DIVISION} IS NULL AS is_certain,
    CASE WHEN a.{DIVISION} IS NULL THEN 'this division was never asked for'
        ELSE 'the selection has no such division' END AS problem{keys}
FROM {live(table)} AS r
LEFT JOIN {asked} AS a ON a.{DIVISION} = r.{DIVISION}
LEFT JOIN {qualified(DIVISIONS)} AS s ON s.{DIVISION} = r.{DIVISION}
WHERE a.{DIVISION} IS NULL
    OR (s.{DIVISION} IS NULL AND EXISTS (SELECT 1 FROM {qualified(DIVISIONS)}))
"""
    if not probe.is_of_one_division:
        return statement
    key = quoted(table.key[0])
    return f"""{statement}
UNION ALL
SELECT r.{DIVISION}, FALSE, 'another division has this record too'{keys}
FROM {live(table)} AS r
JOIN (SELECT {key} FROM {live(table)} AS q GROUP BY {key} HAVING min({DIVISION}) <> max({DIVISION})) AS d
    ON d.{key} = r.{key}
"""


def _wrong_years(probe: WrongYears) -> str:
    table, keys = probe.table, _listed_keys(probe.table, of="r")
    if table.year_kind is YearKind.NONE:
        return (
            f"SELECT r.{DIVISION}, TRUE AS is_certain, 'an undated table has no years' AS problem, r.{YEAR}{keys} "
            f"FROM {live(table)} AS r WHERE r.{YEAR} IS NOT NULL"
        )
    expected, join, is_certain = "NULL", "", "TRUE"
    if table.year:
        expected = _year_told(table, of="r", names=table.year, shift=probe.new_year_shift)
    elif probe.header is not None:
        # The header may have been read after its lines, and its year may have changed in between.
        join = f"LEFT JOIN {live(probe.header)} AS h ON h.{DIVISION} = r.{DIVISION} "
        join += f"AND h.{quoted(probe.header_key)} = r.{quoted(probe.foreign_key)}"
        expected = _year_told(probe.header, of="h", names=probe.header.year, shift=probe.new_year_shift)
        is_certain = f"r.{YEAR} IS NULL OR coalesce(r.{YEAR} < f.first_year, FALSE)"
    firsts = _values(("division", "first_year"), probe.first_years.items())
    return f"""
SELECT r.{DIVISION}, {is_certain} AS is_certain,
    CASE WHEN r.{YEAR} IS NULL THEN 'the row has no year'
        WHEN r.{YEAR} < f.first_year THEN 'before the starting year'
        ELSE 'in the partition of another year' END AS problem,
    r.{YEAR}, {expected} AS year_of_row{keys}
FROM {live(table)} AS r
LEFT JOIN {firsts} AS f ON f.division = r.{DIVISION}
{join}
WHERE r.{YEAR} IS NULL OR r.{YEAR} <> {expected} OR r.{YEAR} < f.first_year
"""


def _year_told(table: Table, *, of: str, names: Iterable[str], shift: timedelta) -> str:
    columns = {column.name: column for column in table.columns}
    told = [_year_of(columns[name], of=of, shift=shift) for name in names]
    return f"coalesce({', '.join(told)})" if told else "NULL"


def _year_of(column: Column, *, of: str, shift: timedelta) -> str:
    """Read the year of a column: a year, a wall clock, or an instant at the site."""
    name = f"{of}.{quoted(column.name)}"
    if pa.types.is_integer(column.type):
        # Whatever no year column could hold is no year.
        return f"CASE WHEN {name} BETWEEN -32768 AND 32767 THEN {name} END"
    if column.type.tz is None:
        return f"extract(year FROM {name})"
    seconds = int(shift.total_seconds())
    return f"extract(year FROM ({name} AT TIME ZONE 'UTC') + INTERVAL '{seconds} seconds')"


def _lost_lines(probe: LostLines) -> str:
    table, foreign = probe.table, quoted(probe.foreign_key)
    names = ("division", "after_year", "year", "settled_at")
    facts = _values(
        names,
        (
            (division, of.after_year, year, of.settled_at)
            for division, of in probe.divisions.items()
            for year in of.years or (None,)
        ),
        types={"after_year": "INTEGER", "year": "INTEGER", "settled_at": "TIMESTAMP WITH TIME ZONE"},
    )
    after = f"r.{YEAR} > f.after_year"
    numbers = ""
    if probe.number is not None:
        number = quoted(probe.number)
        after = f"({after} AND extract(year FROM r.created) > f.after_year AND r.{number} > n.highest)"
        numbers = f"""
LEFT JOIN (
    SELECT {DIVISION}, {YEAR}, max({number}) AS highest FROM {live(probe.header)} AS q GROUP BY {DIVISION}, {YEAR}
) AS n ON n.{DIVISION} = f.division AND n.{YEAR} = f.after_year"""
    return f"""
SELECT r.{DIVISION}, coalesce(r.{LOADED_AT} < f.settled_at, FALSE) AS is_certain,
    r.{foreign} AS header, r.{YEAR}, r.{LOADED_AT}{_listed_keys(table, of="r")}
FROM {live(table)} AS r
JOIN {facts} AS f ON f.division = r.{DIVISION} AND (f.year IS NULL OR r.{YEAR} = f.year){numbers}
LEFT JOIN {live(probe.header)} AS h ON h.{DIVISION} = r.{DIVISION} AND h.{quoted(probe.key)} = r.{foreign}
WHERE r.{foreign} IS NOT NULL AND h.{DIVISION} IS NULL AND (f.after_year IS NULL OR {after})
"""


def _unbalanced(probe: Unbalanced) -> str:
    """Entries, and periods that do not add up though each of their entries does: one of them is in two periods."""
    lines = live(probe.table)
    firsts = _values(("division", "first_year"), probe.first_years.items())
    unsettled = ", ".join(map(str, sorted(probe.unsettled))) or "NULL"
    return f"""
WITH parts AS (
    SELECT {DIVISION}, entry_id, financial_year, financial_period, min(entry_number) AS entry_number,
        sum(amount_dc) AS amount, max({LOADED_AT}) AS changed_at
    FROM {lines} AS r WHERE entry_id IS NOT NULL
    GROUP BY {DIVISION}, entry_id, financial_year, financial_period
), entries AS (
    SELECT {DIVISION}, entry_id, min(entry_number) AS entry_number, min(financial_year) AS financial_year,
        min(financial_period) AS financial_period, sum(amount) AS amount
    FROM parts GROUP BY {DIVISION}, entry_id HAVING round(sum(amount), 2) <> 0
), periods AS (
    SELECT {DIVISION}, financial_year, financial_period, sum(amount) AS amount
    FROM parts GROUP BY {DIVISION}, financial_year, financial_period HAVING round(sum(amount), 2) <> 0
), ranked AS (
    SELECT p.{DIVISION}, p.financial_year, p.financial_period, p.amount, x.entry_number,
        row_number() OVER (
            PARTITION BY p.{DIVISION}, p.financial_year, p.financial_period
            ORDER BY x.changed_at DESC, x.entry_number
        ) AS place
    FROM periods AS p JOIN parts AS x ON x.{DIVISION} = p.{DIVISION}
        AND x.financial_year IS NOT DISTINCT FROM p.financial_year
        AND x.financial_period IS NOT DISTINCT FROM p.financial_period
    WHERE round(x.amount, 2) <> 0
)
SELECT e.{DIVISION}, (coalesce(e.financial_year > f.first_year, TRUE)
        AND coalesce(e.{DIVISION} NOT IN ({unsettled}), TRUE)) AS is_certain,
    'entry' AS unbalanced, e.financial_year, e.financial_period, round(e.amount, 2) AS difference,
    cast(e.entry_number AS VARCHAR) AS entries
FROM entries AS e LEFT JOIN {firsts} AS f ON f.division = e.{DIVISION}
UNION ALL
SELECT {DIVISION}, FALSE, 'period', financial_year, financial_period, round(max(amount), 2),
    string_agg(cast(entry_number AS VARCHAR), ', ' ORDER BY place)
FROM ranked WHERE place <= {ENTRIES_NAMED}
GROUP BY {DIVISION}, financial_year, financial_period
"""


def _wrong_balances(probe: WrongBalances) -> str:
    facts = _values(
        ("division", "first_year", "read_at"),
        ((division, years.first_year, years.read_at) for division, years in probe.divisions.items()),
        types={"read_at": "TIMESTAMP WITH TIME ZONE"},
    )
    lines = f"SELECT * FROM {qualified(probe.table.name)} WHERE status >= {IN_THE_BOOKS} OR status IS NULL"
    balances = live(probe.balance) if probe.asked is None else ASKED
    period = "{0}.division = {1}.division AND {0}.year = {1}.year AND {0}.period = {1}.period".format
    account = f"{period('{0}', '{1}')} AND {{0}}.gl_account = {{1}}.gl_account".format
    return f"""
WITH lines AS (
    SELECT {DIVISION}, gl_account, gl_account_code, financial_year AS year, financial_period AS period,
        entry_number, amount_dc, timestamp, {DELETED_AT}, {LOADED_AT} FROM ({lines}) AS r
), ours AS (
    SELECT division, gl_account, year, period, min(gl_account_code) AS code, sum(amount_dc) AS amount
    FROM lines WHERE {DELETED_AT} IS NULL GROUP BY division, gl_account, year, period
), theirs AS (
    SELECT {DIVISION}, gl_account, reporting_year AS year, reporting_period AS period, min(gl_account_code) AS code,
        sum(amount) AS amount
    FROM {balances} AS b WHERE status >= {IN_THE_BOOKS} OR status IS NULL
    GROUP BY {DIVISION}, gl_account, reporting_year, reporting_period
), differences AS (
    SELECT coalesce(o.division, t.division) AS division, coalesce(o.gl_account, t.gl_account) AS gl_account,
        coalesce(o.code, t.code) AS code, coalesce(o.year, t.year) AS year, coalesce(o.period, t.period) AS period,
        round(coalesce(o.amount, 0), 2) AS ledger, round(coalesce(t.amount, 0), 2) AS exact
    FROM ours AS o FULL JOIN theirs AS t ON {account("o", "t")}
    WHERE round(coalesce(o.amount, 0) - coalesce(t.amount, 0), 2) <> 0
), due AS (
    SELECT d.*, f.read_at FROM differences AS d JOIN {facts} AS f ON f.division = d.division
    WHERE d.year >= f.first_year
), changes AS (
    SELECT p.division, p.year, p.period, max(greatest(l.{LOADED_AT}, coalesce(l.{DELETED_AT}, l.{LOADED_AT}))) AS at
    FROM (SELECT DISTINCT division, year, period FROM due) AS p JOIN lines AS l ON {period("l", "p")}
    GROUP BY p.division, p.year, p.period
), entries AS (
    SELECT d.division, d.gl_account, d.year, d.period, l.entry_number, row_number() OVER (
            PARTITION BY d.division, d.gl_account, d.year, d.period ORDER BY max(l.timestamp) DESC
        ) AS place
    FROM due AS d JOIN lines AS l ON {account("l", "d")}
    GROUP BY d.division, d.gl_account, d.year, d.period, l.entry_number
), named AS (
    SELECT division, gl_account, year, period,
        string_agg(cast(entry_number AS VARCHAR), ', ' ORDER BY place) AS entries
    FROM entries WHERE place <= {ENTRIES_NAMED} GROUP BY division, gl_account, year, period
)
SELECT d.division, coalesce(c.at < d.read_at, TRUE) AS is_certain, d.code AS account, d.year, d.period, d.ledger,
    d.exact, n.entries
FROM due AS d
LEFT JOIN changes AS c ON {period("c", "d")}
LEFT JOIN named AS n ON {account("n", "d")}
"""


def _listed_keys(table: Table, *, of: str) -> str:
    return f", {listed(table.key, of=of)}" if table.key else ""


def _values(
    names: tuple[str, ...], rows: Iterable[tuple[object, ...]], *, types: Mapping[str, str] | None = None
) -> str:
    """Give facts that are known here as a relation; the first one of a row is a number."""
    columns = ", ".join(f"cast({name} AS {(types or {}).get(name, 'INTEGER')}) AS {name}" for name in names)
    listed_rows = ", ".join(f"({', '.join(_literal(value) for value in row)})" for row in rows)
    is_empty = not listed_rows
    listed_rows = listed_rows or f"({', '.join(['NULL'] * len(names))})"
    condition = " WHERE FALSE" if is_empty else ""
    return f"(SELECT {columns} FROM (VALUES {listed_rows}) AS v({', '.join(names)}){condition})"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return text(value.astimezone(UTC).isoformat())
    return str(int(str(value)))
