"""How rows that break a rule are counted, shown and judged, the same for each check that searches for them.

The statement of a search runs once: what it finds is counted per division, and its first rows come along.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exact_assets.checks.check import Search
from exact_assets.checks.result import CheckResult, CheckStatus
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query, QueryRows
from exact_assets.warehouse.sql.names import DIVISION

EXAMPLES = 20
"""Violations that are shown at most."""
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


def result_of_violations(
    check: str,
    found: Violations,
    *,
    advice: str,
    checked: int,
    skipped: Mapping[int, str] | None = None,
    outside: Mapping[int, str] | None = None,
    calls: int = 0,
) -> CheckResult:
    """Judge what was found: a check fails by what is certain, and warns of the rest.

    Where all divisions were skipped, nothing was checked; those that are outside are none of the check's business.
    """
    left_out = {**(skipped or {}), **(outside or {})}
    notes = {division: f"not checked: {why}" for division, why in left_out.items()}
    notes |= {division: _words(count) for division, count in found.counts.items()}
    status = CheckStatus.PASSED
    if found.counts:
        is_certain = any(count.certain for count in found.counts.values())
        status = CheckStatus.FAILED if is_certain else CheckStatus.WARNING
    elif skipped and not checked:
        status = CheckStatus.NOT_CHECKED
    return CheckResult(
        check=check,
        status=status,
        summary=_summary(found, checked=checked, left_out=len(left_out)),
        divisions_checked=checked,
        divisions=notes,
        examples=found.examples,
        advice=advice if found.counts else None,
        calls=calls,
    )


def _words(count: ViolationCount) -> str:
    parts = []
    if count.certain:
        parts.append(f"{count.certain:,} wrong")
    if count.possible:
        parts.append(f"{count.possible:,} that the next load may fix")
    return ", ".join(parts)


def _summary(found: Violations, *, checked: int, left_out: int) -> str:
    total = sum(count.certain + count.possible for count in found.counts.values())
    not_checked = f" {left_out} not checked." if left_out else ""
    divisions = "1 division" if checked == 1 else f"{checked} divisions"
    if not found.counts:
        return f"No violations in {divisions}.{not_checked}"
    named = sorted(found.counts)
    shown = ", ".join(map(str, named[:10])) + (" and others" if len(named) > 10 else "")
    return f"{total:,} violation{'' if total == 1 else 's'}, in {len(named)} of {divisions}: {shown}.{not_checked}"
