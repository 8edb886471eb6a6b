"""Faults that take rows out of answers, attempts at a table, and what they leave and cost."""

import re
from pathlib import Path
from urllib.parse import unquote_plus

import duckdb

from exact_assets.catalogue.tables import tables
from exact_assets.request import Mode, Outcome
from exact_assets_tests.installation import Installation, path_of
from exact_assets_tests.one_warehouse import attempt

HOUR = 3600
UNITS, CODES, OPPORTUNITIES, ACCOUNTS = "logistics_units", "vat_vat_codes", "crm_opportunities", "crm_accounts"
ENTRIES, LINES = "purchaseentry_purchase_entries", "purchaseentry_purchase_entry_lines"
INVOICES = "salesinvoice_sales_invoices"


def fault(place: Installation, kind: str, name: str, *, times: int | None = None, value: float = 0) -> None:
    table = tables()[name]
    path = path_of(table.parent.endpoint if table.parent else table.endpoint)
    place.simulator.control.fault(kind, path=rf"/{path}\?", times=times, value=value)


def one(
    place: Installation,
    name: str,
    file: Path,
    *,
    mode: Mode = Mode.AUTO,
    confirm: bool = False,
    years: tuple[int, ...] = (),
    is_soft: bool = False,
) -> Outcome:
    outcomes = attempt(place, name, file=file, mode=mode, confirm=confirm, years=years, is_soft=is_soft)
    return outcomes[name][place.divisions[0]]


def rows(file: Path, name: str, condition: str = "deleted_at IS NULL") -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        return int(connection.execute(f'SELECT count(*) FROM exact."{name}" WHERE {condition}').fetchall()[0][0])


def kept_aside(file: Path) -> list[str]:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name SIMILAR TO '_s(tage|weep)_.*'"
        )
        return [row[0] for row in found.fetchall()]


def asked(place: Installation, name: str) -> int:
    """Count the questions that were answered: a token that ran out with the hours costs one that was not."""
    calls = place.simulator.control.calls(path=path_of(tables()[name].endpoint))
    return sum(1 for call in calls if call["status"] != 401)


def fault_in(place: Installation, kind: str, name: str, year: int, *, times: int | None = None) -> None:
    """Set a fault that strikes only questions about a span of years that begins with this one."""
    path = path_of(tables()[name].endpoint)
    place.simulator.control.fault(kind, path=rf"/{path}\?.*ge[^&]*{year}-01-01", times=times, value=0)


def asked_for(place: Installation, name: str, year: int) -> int:
    """Count the questions about a span of years that begins with this one, without those that only count."""
    calls = place.simulator.control.calls(path=path_of(tables()[name].endpoint))
    begins = re.compile(rf"ge datetime'{year}-01-01")
    return sum(
        1 for call in calls if begins.search(unquote_plus(call["query"])) and "inlinecount" not in call["query"]
    )
