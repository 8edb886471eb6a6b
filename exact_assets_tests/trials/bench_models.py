"""Measures what models cost: 1,000,000 ledger lines in 20 divisions, all of them built, then one that changed.

`python -m exact_assets_tests.trials.bench_models` prints CPU seconds, and the share that one division takes of all.
"""

import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from exact_assets.catalogue.tables import tables
from exact_assets.models.registry import models
from exact_assets.warehouse.open import file_url, open_warehouse
from exact_assets.warehouse.protocol import Warehouse

LINES, DIVISIONS, ACCOUNTS = 1_000_000, 20, 200
FIRST, EACH = 100_001, LINES // DIVISIONS
LEDGER = "financialtransaction_transaction_lines"
NAMES = ("fct_ledger", "fct_balance_by_period")
_ID = "CAST('00000000-0000-{kind}-0000-' || lpad(CAST({number} AS VARCHAR), 12, '0') AS UUID)"
_FILL = (
    (
        f"INSERT INTO exact.financial_gl_accounts BY NAME SELECT {FIRST} + d AS division, "
        f"{_ID.format(kind='0001', number='a')} AS id, CAST(a AS VARCHAR) AS code, "
        "CASE WHEN a < 40 THEN 'B' ELSE 'W' END AS balance_type, now() AS _loaded_at "
        f"FROM range({DIVISIONS}) AS t(d), range({ACCOUNTS}) AS u(a)"
    ),
    (
        f"INSERT INTO exact.{LEDGER} BY NAME SELECT {FIRST} + n // {EACH} AS division, "
        f"{_ID.format(kind='0002', number='n')} AS id, {_ID.format(kind='0003', number='n // 80')} AS "
        f"entry_id, n // 80 AS entry_number, {_ID.format(kind='0001', number=f'n % {ACCOUNTS}')} AS gl_account, "
        "(CASE WHEN n % 2 = 0 THEN 1 ELSE -1 END) * 12.34 AS amount_dc, 2022 + n % 5 AS financial_year, "
        "1 + n % 12 AS financial_period, 50 AS status, 20 AS type, 'line ' || n AS description, "
        f"TIMESTAMP '2024-01-01' AS date, now() AS _loaded_at FROM range({LINES}) AS t(n)"
    ),
)
"""A division's lines stand together, as loads store them."""


def main() -> None:
    """Fill a warehouse, build, and print."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "warehouse.duckdb"
        warehouse = open_warehouse(file_url(file))
        warehouse.prepare([tables()[source] for name in NAMES for source in models()[name].sources])
        with duckdb.connect(str(file)) as connection:
            for statement in _FILL:
                connection.execute(statement)
        every = range(FIRST, FIRST + DIVISIONS)
        for name in NAMES:
            # The first build makes the table as well.
            _build(warehouse, name, every)
            full, one = _build(warehouse, name, every), _build(warehouse, name, [FIRST + 7])
            told = f"{name}: {DIVISIONS} divisions {full:.2f} CPU s, one {one:.2f} CPU s, {one / full:.0%}"
            sys.stdout.write(f"{told}\n")


def _build(warehouse: Warehouse, name: str, divisions: Sequence[int]) -> float:
    """Build a model; the CPU seconds that it took."""
    before = _cpu_seconds()
    built = warehouse.build_model(models()[name], divisions, kept=frozenset(tables()))
    assert all(isinstance(rows, int) and rows for rows in built.values()), built
    return _cpu_seconds() - before


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
