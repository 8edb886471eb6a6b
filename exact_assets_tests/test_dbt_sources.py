"""What dbt is told of the tables is what the warehouse has."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from exact_assets.catalogue import select
from exact_assets.cli import main
from exact_assets.warehouse.open import open_warehouse

TABLES = "crm_accounts,salesinvoice_sales_invoices,general_currencies"


@pytest.fixture
def source(tmp_path: Path) -> dict[str, Any]:
    environment = {"EXACT_TABLES": TABLES, "EXACT_WAREHOUSE_URL": f"duckdb:///{tmp_path / 'w.duckdb'}"}
    done = CliRunner(env=environment).invoke(main, ["dbt-sources"])
    assert done.exit_code == 0, done.output
    content = yaml.safe_load(done.stdout)
    assert content["version"] == 2
    [found] = content["sources"]
    return dict(found)


def test_tables_columns_and_keys_are_those_of_the_warehouse(source: dict[str, Any], tmp_path: Path) -> None:
    open_warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}").prepare(select(f"{TABLES},sync_deleted"))
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
            "WHERE schema_name = 'exact' GROUP BY ALL"
        ).fetchall()
        keys = connection.execute(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            "WHERE constraint_type = 'PRIMARY KEY'"
        ).fetchall()
    columns, primary = dict(found), dict(keys)
    assert {table["name"] for table in source["tables"]} == {*TABLES.split(","), "sync_deleted"}
    for table in source["tables"]:
        assert [one["name"] for one in table["columns"]] == [
            name for name in columns[table["name"]] if name != "deleted_at"
        ]
        assert table["config"]["meta"]["primary_key"] == primary.get(table["name"], [])
        tested = [one["name"] for one in table["columns"] if "data_tests" in one]
        assert sorted(tested) == sorted(primary.get(table["name"], []))
        assert all(one["description"] for one in [table, *table["columns"]])


def test_freshness_is_that_of_the_division_that_is_the_farthest_behind(
    source: dict[str, Any], tmp_path: Path
) -> None:
    open_warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}").prepare(select(f"{TABLES},sync_deleted"))
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute(
            "INSERT INTO exact.divisions (division, sync_enabled, last_sync) VALUES (1, true, '2026-01-02'), "
            "(2, true, '2026-01-01'), (3, false, '2020-01-01')"
        )
        [(found,)] = connection.execute(source["config"]["loaded_at_query"]).fetchall()
        connection.execute("INSERT INTO exact.divisions (division, sync_enabled) VALUES (4, true)")
        [(never,)] = connection.execute(source["config"]["loaded_at_query"]).fetchall()
    assert (f"{found:%Y-%m-%d}", never.year) == ("2026-01-01", 1970)
