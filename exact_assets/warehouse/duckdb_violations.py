"""Runs the SQL of `violations` in DuckDB: what is found is put aside once, then counted and shown."""

from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from exact_assets.warehouse.naming import DIVISION
from exact_assets.warehouse.probes import EXAMPLES, Probe, Tally, Violations, WrongBalances
from exact_assets.warehouse.violations import ASKED, find

FOUND = "found_violations"


def answer(connection: DuckDBPyConnection, probe: Probe) -> Violations | None:
    """Answer a probe in an attached file; None: one of its tables is not there."""
    if isinstance(probe, WrongBalances) and probe.asked is not None:
        _take(connection, probe.asked)
    try:
        connection.execute(f"CREATE OR REPLACE TEMPORARY TABLE {FOUND} AS {find(probe)}")
    except duckdb.CatalogException:
        return None
    tallies = connection.execute(
        f"SELECT {DIVISION}, count(*) FILTER (WHERE is_certain), count(*) FILTER (WHERE NOT is_certain) "
        f"FROM {FOUND} GROUP BY {DIVISION} ORDER BY {DIVISION}"
    ).fetchall()
    return Violations(
        tallies={division: Tally(certain=certain, maybe=maybe) for division, certain, maybe in tallies},
        examples=tuple(_examples(connection)) if tallies else (),
    )


def _take(connection: DuckDBPyConnection, balances: pa.Table) -> None:
    connection.register("arrived_balances", balances)
    connection.execute(
        f"CREATE OR REPLACE TEMPORARY TABLE {ASKED} AS "
        "SELECT * REPLACE (cast(gl_account AS UUID) AS gl_account) FROM arrived_balances"
    )
    connection.unregister("arrived_balances")


def _examples(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
    found = connection.execute(f"SELECT * FROM {FOUND} ORDER BY is_certain DESC, COLUMNS(*) LIMIT {EXAMPLES}")
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
