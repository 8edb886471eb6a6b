"""The closing table of the demo: what the warehouse holds by its own answer, and whether books balance."""

from decimal import Decimal

from rich.console import Console
from rich.table import Table as Grid

from exact_assets.demo.loading import CheckTally, Tally
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets.warehouse.sql.names import qualified

_LEDGER = "financialtransaction_transaction_lines"


def print_report(console: Console, warehouse: Warehouse, tally: Tally, *, seconds: float) -> None:
    """Print tables, rows, calls and seconds per group, and debits beside credits."""
    grid = Grid(title="What was loaded", title_justify="left")
    for heading in ("group", "tables", "rows in the warehouse", "rows changed", "calls"):
        grid.add_column(heading, justify="left" if heading == "group" else "right")
    found = _counts(warehouse, [name for names in tally.tables_by_group.values() for name in names])
    for group, names in sorted(tally.tables_by_group.items()):
        rows = sum(found[name] for name in names)
        changed = sum(tally.changed.get(name, 0) for name in names)
        calls = sum(tally.calls.get(name, 0) for name in names)
        grid.add_row(group, f"{len(names)}", f"{rows:,}", f"{changed:,}", f"{calls:,}")
    totals = (len(found), sum(found.values()), sum(tally.changed.values()), sum(tally.calls.values()))
    grid.add_section()
    grid.add_row("all", *(f"{total:,}" for total in totals))
    console.print(grid)
    debit, credit = _ledger(warehouse)
    balance = "[green]debits = credits[/]" if debit == credit else "[red]debits and credits differ[/]"
    console.print(f"Ledger: debits {debit:,.2f}, credits {credit:,.2f}: {balance}. Loaded in {seconds:.0f} s.")


def print_checks(console: Console, checked: CheckTally) -> None:
    """Print how many checks passed, and what the others say."""
    total = checked.passed + len(checked.others)
    console.print(f"Checks: {checked.passed} of {total} passed.")
    for one in checked.others:
        console.print(f"  {one}", markup=False)


def _counts(warehouse: Warehouse, names: list[str]) -> dict[str, int]:
    """Count the rows of tables."""
    asked = [Query(statement=f"SELECT count(*) AS found FROM {qualified(name)}") for name in names]
    return {name: rows[0]["found"] if rows else 0 for name, rows in zip(names, warehouse.query(asked), strict=True)}


def _ledger(warehouse: Warehouse) -> tuple[Decimal, Decimal]:
    """Add up debits and credits."""
    amounts = "sum(CASE WHEN amount_dc > 0 THEN amount_dc END)", "sum(CASE WHEN amount_dc < 0 THEN amount_dc END)"
    statement = (
        f"SELECT coalesce({amounts[0]}, 0) AS debit, coalesce(-{amounts[1]}, 0) AS credit FROM {qualified(_LEDGER)}"
    )
    (rows,) = warehouse.query([Query(statement=statement)])
    return (rows[0]["debit"], rows[0]["credit"]) if rows else (Decimal(0), Decimal(0))
