"""A process that stores steps until it is killed or has done its share; each step follows from its number alone.

`python -m exact_assets_tests.warehouse.duckdb.worker PATH DIVISION STEPS` prints `ready`, then how many
steps it stored.
"""

import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from exact_assets.errors import LoadSupersededError
from exact_assets.stream import Step, Verb
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.warehouse import tables
from exact_assets_tests.warehouse.duckdb.plain import query
from exact_assets_tests.warehouse.model import Model, Row
from exact_assets_tests.warehouse.tables import SYNC, guid

KEYS = 300
ROWS = 120


def main(path: str, division: int, steps: int) -> None:
    """Store steps."""
    warehouse = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=60)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    warehouse.prepare([SYNC])
    stored = 0
    while stored < steps:
        load_seq = warehouse.states(SYNC, [division])[division].load_seq
        try:
            warehouse.store(SYNC, division, make_step(division, load_seq), expected_seq=load_seq)
        except LoadSupersededError:
            continue
        stored += 1
    sys.stdout.write(f"{stored}\n")


def make_step(division: int, number: int) -> Step:
    """Make the step that follows when `number` steps have been stored."""
    verb, rows, years = _script(division, number)
    values = [
        {"id": guid(row.key), "timestamp": row.version, "_year": row.year, "value": row.value} for row in rows
    ]
    return tables.step(verb, tables.rows(SYNC, *values, division=division), years=years, cursor=number)


def problems(path: Path, division: int, load_seq: int) -> list[str]:
    """Compare the division's rows with what the steps so far leave; empty: they agree."""
    model = Model(SYNC)
    for number in range(load_seq):
        verb, rows, years = _script(division, number)
        model.store(verb, rows, parents=None, years=years)
    expected = Counter((guid(row.key), row.version, row.year, row.value) for row in model.rows.values())
    found: Counter[tuple[Any, ...]] = Counter(
        query(
            path,
            f"SELECT id::VARCHAR, timestamp, _year, value FROM exact.crm_accounts WHERE division = {division}",
        )
    )
    return [f"{division}: lost {row}" for row in (expected - found)] + [
        f"{division}: surplus {row}" for row in (found - expected)
    ]


def _script(division: int, number: int) -> tuple[Verb, list[Row], tuple[int, int] | None]:
    chance = random.Random(f"{division}/{number}")
    verb = chance.choice([Verb.UPSERT, Verb.UPSERT, Verb.STAGE, Verb.REPLACE])
    rows = [
        Row(
            key=chance.randrange(KEYS),
            version=chance.randrange(10 * (number + 1)),
            year=chance.randrange(2022, 2027),
            value=str(number),
            header=0,
        )
        for _ in range(chance.randrange(ROWS))
    ]
    years = (2024, 2025) if verb is Verb.REPLACE and chance.random() < 0.5 else None
    return verb, rows, years


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
