"""The format of new files: an older DuckDB, which tools are built on, opens them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from exact_assets.stream import Verb
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.tables import ALL, DIVISION, SYNC, guid, rows, step

OLDER = Path(sys.prefix) / "duckdb-1.5"
"""Where `make test` puts it."""
CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="module", autouse=True)
def _older_is_there() -> None:
    assert OLDER.is_dir(), "run `make test` once: it brings an older DuckDB beside the one that is installed"


def asked_of_older(path: Path, statement: str) -> list[list[object]]:
    program = (
        "import duckdb, json, sys; assert duckdb.__version__.startswith('1.5.');"
        "print(json.dumps(duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2]).fetchall()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), statement],
        env={**os.environ, "PYTHONPATH": str(OLDER)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[object]] = json.loads(done.stdout)
    return found


def fill(warehouse: Warehouse, *, first: int) -> None:
    for number in range(first, first + 3):
        one = rows(SYNC, {"id": guid(number), "timestamp": number, "value": "é", "amount": None})
        warehouse.store(SYNC, DIVISION, step(Verb.UPSERT, one), expected_seq=number)


def test_duckdb_1_5_opens_what_was_stored(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare(ALL)
    fill(warehouse, first=0)
    assert asked_of_older(path, "SELECT count(*), min(value) FROM exact.crm_accounts") == [[3, "é"]]


def test_a_file_in_the_format_of_2_0_stays_good_and_can_be_rewritten_as_documented(path: Path) -> None:
    path.parent.mkdir()
    with duckdb.connect(str(path)):
        pass
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare(ALL)
    fill(warehouse, first=0)
    with pytest.raises(AssertionError, match="Trying to read a database file"):
        asked_of_older(path, "SELECT 1")
    text = (CHECKOUT / "docs" / "warehouse.md").read_text()
    (block,) = re.findall(r"\n((?:    .*\n)*    COPY FROM DATABASE.*\n)", text)
    new = path.with_name("new.duckdb")
    with duckdb.connect(":memory:") as connection:
        connection.execute(block.replace("'warehouse.duckdb'", f"'{path}'").replace("'new.duckdb'", f"'{new}'"))
    rewritten = open_warehouse(f"duckdb:///{new}")
    fill(rewritten, first=3)
    # The key is there still: a row that comes again is one row.
    rewritten.store(SYNC, DIVISION, step(Verb.UPSERT, rows(SYNC, {"id": guid(0), "timestamp": 9})), expected_seq=6)
    assert asked_of_older(new, "SELECT count(*), max(timestamp) FROM exact.crm_accounts") == [[6, 9]]
    keys = "SELECT count(*) FROM duckdb_tables() WHERE has_primary_key AND schema_name = 'exact'"
    assert asked_of_older(new, keys) == asked_of_old_format(path, keys)


def asked_of_old_format(path: Path, statement: str) -> list[list[object]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [list(row) for row in connection.execute(statement).fetchall()]
