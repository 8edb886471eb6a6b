"""How models are kept: what a build replaces, what it leaves, and what is told of it in the warehouse."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from exact_assets.errors import WarehouseError
from exact_assets.models.registry import models
from exact_assets.warehouse.divisions import KnownDivision
from exact_assets_tests.models.made import ITEMS, MakeModel, Model
from exact_assets_tests.models.rows import DIVISION, KEPT, OTHER, amount, fill
from exact_assets_tests.warehouse.engines import ENGINES, Place


def test_a_table_that_is_not_kept_tells_nothing_though_rows_of_it_are_left(make: MakeModel) -> None:
    model = make("dim_division")
    model.warehouse.refresh_divisions([KnownDivision(division=DIVISION, name="As selected")])
    model.warehouse.set_enabled([DIVISION], enabled=True)
    fill(
        model.warehouse,
        "financial_journals",
        {"currency": "USD", "code": "1"},
        {"currency": "EUR", "code": "2"},
        {"currency": "EUR", "code": "3"},
    )
    fill(
        model.warehouse, "system_divisions", {"code": DIVISION, "description": "As Exact has it", "currency": "SEK"}
    )
    model.build(kept=KEPT - {"system_divisions", "hrm_divisions"})
    assert model.read("division_name, currency, is_enabled") == [("As selected", "EUR", True)]
    model.build()
    assert model.read("division_name, currency") == [("As Exact has it", "SEK")]


def test_rows_that_are_gone_from_exact_are_in_no_model(place: Place) -> None:
    warehouse = place.open(is_soft=True)
    fill(warehouse, ITEMS, {"code": "A"}, {"code": "B"})
    warehouse.build_model(models()["dim_item"], [DIVISION], kept=KEPT)
    place.run(f"UPDATE exact.{ITEMS} SET deleted_at = now() WHERE code = 'A'")
    assert warehouse.build_model(models()["dim_item"], [DIVISION], kept=KEPT) == {DIVISION: 1}


def test_a_build_replaces_the_rows_of_its_divisions_and_of_no_other(make: MakeModel) -> None:
    model = make("dim_item")
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "before"}, division=division)
    model.build(DIVISION, OTHER)
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "after"}, {"code": "new"}, division=division)
    assert model.build(OTHER) == {OTHER: 2}
    assert model.read("division, item_code", order="1, 2") == [
        (DIVISION, "before"),
        (OTHER, "after"),
        (OTHER, "new"),
    ]


def test_a_division_that_cannot_be_built_keeps_its_rows_and_the_others_are_built(make: MakeModel) -> None:
    model = make("fct_budget")
    for division in (DIVISION, OTHER):
        fill(model.warehouse, "budget_budgets", {"amount_dc": amount("1")}, division=division)
    model.build(DIVISION, OTHER)
    fill(model.warehouse, "budget_budgets", {"amount_dc": Decimal(10) ** 20}, division=DIVISION)
    fill(model.warehouse, "budget_budgets", {"amount_dc": amount("2")}, division=OTHER)
    built = model.build(DIVISION, OTHER)
    assert built[OTHER] == 1
    assert isinstance(built[DIVISION], WarehouseError)
    assert "exact_bi.fct_budget" in str(built[DIVISION])
    assert model.read("division, amount") == [(DIVISION, 1), (OTHER, 2)]


def test_a_model_that_has_changed_is_made_anew_for_all_divisions_that_it_has(make: MakeModel) -> None:
    model, item = make("dim_item"), models()["dim_item"]
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "A"}, division=division)
    model.build(DIVISION, OTHER)
    fewer = replace(item, columns=item.columns[:4])
    assert model.warehouse.build_model(fewer, [OTHER], kept=KEPT) == {DIVISION: 1, OTHER: 1}
    names = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'exact_bi' "
        "AND table_name = 'dim_item' ORDER BY ordinal_position"
    )
    assert [name for (name,) in model.place.query(names)] == [
        *("division", "item_key", "item_id", "item_code", "item_name", "_built_at"),
    ]
    assert model.warehouse.build_model(fewer, [OTHER], kept=KEPT) == {OTHER: 1}


def test_a_model_is_made_where_tables_cannot_be_made_within_a_transaction(tmp_path: Path) -> None:
    model = Model(ENGINES["duckdb-ddl-apart"](tmp_path), "dim_item")
    fill(model.warehouse, ITEMS, {"code": "A"})
    assert model.build() == {DIVISION: 1}
    assert model.build() == {DIVISION: 1}


def test_a_model_that_a_view_depends_on_says_what_to_do_and_keeps_its_rows(tmp_path: Path) -> None:
    model = Model(ENGINES["postgresql"](tmp_path), "dim_item")
    fill(model.warehouse, ITEMS, {"code": "A"})
    model.build()
    model.place.run("CREATE VIEW exact_bi.mine AS SELECT item_code FROM exact_bi.dim_item")
    item = models()["dim_item"]
    with pytest.raises(WarehouseError, match=r"exact_bi.dim_item cannot be made: .*\. Drop views"):
        model.warehouse.build_model(replace(item, columns=item.columns[:4]), [DIVISION], kept=KEPT)
    assert model.read("item_code") == [("A",)]
    assert model.build() == {DIVISION: 1}


def test_a_model_without_rows_is_there(make: MakeModel) -> None:
    model = make("fct_stock")
    assert model.build() == {DIVISION: 0}
    assert model.read("*") == []


def test_meanings_are_comments_in_the_warehouse(make: MakeModel) -> None:
    model = make("dim_vat_code")
    model.build()
    catalogue = {
        "DuckDB": "SELECT comment FROM duckdb_columns() WHERE table_name = 'dim_vat_code' "
        "AND column_name = 'percentage'",
        "PostgreSQL": "SELECT col_description('exact_bi.dim_vat_code'::regclass, attnum) FROM pg_attribute "
        "WHERE attrelid = 'exact_bi.dim_vat_code'::regclass AND attname = 'percentage'",
    }
    assert model.place.query(catalogue[model.place.engine().dialect.engine]) == [
        ("VAT as a share of one: 0.21 is 21 %",)
    ]


def test_a_purge_takes_the_rows_of_models_as_well(make: MakeModel) -> None:
    model = make("dim_item")
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "A"}, division=division)
    model.build(DIVISION, OTHER)
    assert model.warehouse.model_names([DIVISION]) == ("dim_item",)
    assert model.warehouse.purge_models([DIVISION]) == {"dim_item": 1}
    assert model.read("division") == [(OTHER,)]
    assert model.warehouse.model_names([DIVISION]) == ()


def test_nothing_is_there_to_purge_where_no_model_was_ever_built(make: MakeModel) -> None:
    assert make("dim_item").warehouse.purge_models([DIVISION]) == {}


def test_a_table_of_a_users_own_in_the_schema_is_left_alone(make: MakeModel) -> None:
    model = make("dim_item")
    model.build()
    model.place.run(f"CREATE TABLE exact_bi.mine AS SELECT {DIVISION} AS division")
    assert model.warehouse.purge_models([DIVISION]) == {}
    assert model.place.query("SELECT count(*) FROM exact_bi.mine") == [(1,)]
