"""How rows that break a rule are counted, shown and judged, the same for each check that searches for them.

The statement of a search runs once: what it finds is counted per division, and its first rows come along.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exact_assets.checks.check import Search
from exact_assets.checks.result import CheckStatus, DivisionResult
from exact_assets.checks.summary import EXAMPLES
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query, QueryRows
from exact_assets.warehouse.sql.names import DIVISION

_OWN = ("_of", "_certain", "_possible", "_place")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViolationCount:
    """How many violations a division has."""

    certain: int = 0
    possible: int = 0
    """Those that the next load may fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violations:
    """What a search found."""

    counts: Mapping[int, ViolationCount] = field(default_factory=dict)
    """By division; those without violations are not in it."""
    examples: tuple[Mapping[str, Any], ...] = ()
    """The first ones, the certain ones before the others."""


def find_violations(warehouse: Warehouse, searches: Sequence[Search]) -> Sequence[Violations | None]:
    """Search at one opening of the warehouse; None: a table that is searched is not there."""
    queries = [Query(statement=counted(one.statement), relations=one.relations) for one in searches]
    answers = warehouse.query(queries) if queries else ()
    return [None if rows is None else _violations(rows) for rows in answers]


def counted(statement: str) -> str:
    """Write the statement that counts what another finds, and shows its first rows beside the counts.

    A row in comparison (`f`) is all its columns, from left to right.
    """
    of, certain, possible, place = _OWN
    return f"""
WITH found AS MATERIALIZED ({statement}), counts AS (
    SELECT {DIVISION} AS {of}, count(*) FILTER (WHERE is_certain) AS {certain},
        count(*) FILTER (WHERE NOT is_certain) AS {possible}
    FROM found GROUP BY {DIVISION}
), firsts AS (
    SELECT * FROM found AS f ORDER BY f.is_certain DESC, f LIMIT {EXAMPLES}
), examples AS (
    SELECT f.*, row_number() OVER (ORDER BY f.is_certain DESC, f) AS {place} FROM firsts AS f
)
SELECT c.*, e.* FROM counts AS c LEFT JOIN examples AS e ON e.{DIVISION} = c.{of} ORDER BY e.{place}, c.{of}
"""


def _violations(rows: QueryRows) -> Violations:
    of, certain, possible, place = _OWN
    counts = {row[of]: ViolationCount(certain=row[certain], possible=row[possible]) for row in rows}
    examples = tuple(
        {name: value for name, value in row.items() if name not in _OWN} for row in rows if row[place] is not None
    )
    return Violations(counts=dict(sorted(counts.items())), examples=examples)


def results_of(
    found: Violations,
    *,
    checked: Iterable[int],
    rows: Mapping[int, int] | None = None,
    skipped: Mapping[int, str] | None = None,
    outside: Mapping[int, str] | None = None,
) -> Mapping[int, DivisionResult]:
    """Judge what was found: a division fails by what is certain, and the rest is a warning.

    Args:
        found: what a search found.
        checked: the divisions that were searched.
        rows: how many rows of each were looked at.
        skipped: divisions that could not be searched now, and why.
        outside: divisions that are none of the check's business, and why.
    """
    counts = rows or {}
    results = {one: DivisionResult(status=CheckStatus.PASSED, rows=counts.get(one)) for one in checked}
    for status, left_out in ((CheckStatus.NOT_APPLICABLE, outside), (CheckStatus.NOT_CHECKED, skipped)):
        results |= {one: DivisionResult(status=status, words=why) for one, why in (left_out or {}).items()}
    for division, count in found.counts.items():
        results[division] = DivisionResult(
            status=CheckStatus.FAILED if count.certain else CheckStatus.WARNING,
            words=_words(count),
            rows=counts.get(division),
            examples=tuple(one for one in found.examples if one[DIVISION] == division),
        )
    return results


def _words(count: ViolationCount) -> str:
    parts = []
    if count.certain:
        parts.append(f"{count.certain:,} wrong")
    if count.possible:
        parts.append(f"{count.possible:,} that the next load may fix")
    return ", ".join(parts)
