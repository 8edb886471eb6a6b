"""The closing table of the demo: what the warehouse holds by DuckDB's own answer, and whether books balance."""

from decimal import Decimal
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table as Grid

from exact_assets.demo.loading import Tally

_LEDGER = "financialtransaction_transaction_lines"


def report(console: Console, warehouse: Path, tally: Tally, *, seconds: float) -> None:
    """Print tables, rows, calls and seconds per group, and debits beside credits."""
    grid = Grid(title="What was loaded", title_justify="left")
    for heading in ("group", "tables", "rows in the warehouse", "rows changed", "calls"):
        grid.add_column(heading, justify="left" if heading == "group" else "right")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for group, names in sorted(tally.tables_by_group.items()):
            rows = sum(_count(connection, name) for name in names)
            changed = sum(tally.changed.get(name, 0) for name in names)
            calls = sum(tally.calls.get(name, 0) for name in names)
            grid.add_row(group, f"{len(names)}", f"{rows:,}", f"{changed:,}", f"{calls:,}")
        totals = (
            sum(len(names) for names in tally.tables_by_group.values()),
            sum(_count(connection, name) for names in tally.tables_by_group.values() for name in names),
            sum(tally.changed.values()),
            sum(tally.calls.values()),
        )
        grid.add_section()
        grid.add_row("all", *(f"{total:,}" for total in totals))
        console.print(grid)
        debit, credit = _ledger(connection)
    verdict = "[green]debits = credits[/]" if debit == credit else "[red]debits and credits differ[/]"
    console.print(f"Ledger: debits {debit:,.2f}, credits {credit:,.2f}: {verdict}. Loaded in {seconds:.0f} s.")


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    row = connection.execute(f'SELECT count(*) FROM exact."{name}"').fetchone()
    return int(row[0]) if row else 0


def _ledger(connection: duckdb.DuckDBPyConnection) -> tuple[Decimal, Decimal]:
    row = connection.execute(
        "SELECT coalesce(sum(amount_dc) FILTER (amount_dc > 0), 0),"
        f' coalesce(-sum(amount_dc) FILTER (amount_dc < 0), 0) FROM exact."{_LEDGER}"'
    ).fetchone()
    return (row[0], row[1]) if row else (Decimal(0), Decimal(0))
