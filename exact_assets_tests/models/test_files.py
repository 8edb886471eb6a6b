"""Each model's file says what it is, in names and columns that are there; and which models are chosen."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from exact_assets.catalogue import select
from exact_assets.catalogue.tables import tables
from exact_assets.cli import main
from exact_assets.errors import SettingsError
from exact_assets.models.model import Model, parse_model
from exact_assets.models.registry import chosen_models, models

EVERY = list(models().values())
DEFAULT = {table.name for table in select("default")}
SHARED_TYPES = re.compile(r"varchar|boolean|smallint|integer|bigint|uuid|date|decimal\(\d+,\d+\)")


def test_all_models_of_the_plan_are_there() -> None:
    wanted = (
        "dim_division dim_calendar dim_account dim_relation dim_item dim_cost_center dim_cost_unit dim_project "
        "dim_employee dim_journal dim_vat_code fct_ledger fct_balance_by_period fct_receivables fct_payables "
        "fct_revenue_lines fct_order_lines fct_purchase_lines fct_budget fct_stock fct_hours"
    )
    assert set(models()) == set(wanted.split())


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_a_model_names_tables_and_columns_that_are_there(model: Model) -> None:
    columns = {f"{name}.{column.name}" for name in model.sources for column in tables()[name].columns}
    assert [one for column in model.columns for one in column.sources if one not in columns] == []
    assert set(model.key) <= {column.name for column in model.columns}
    assert model.optional <= set(model.sources)
    if model.origin is not None:
        assert model.origin.table in model.required
        assert set(model.origin.sums) <= {column.name for column in model.columns}


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_each_column_that_is_named_as_a_source_is_read(model: Model) -> None:
    named = {one.partition(".")[2] for column in model.columns for one in column.sources}
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", model.statement)] == []


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_each_table_that_is_read_is_the_source_of_a_column_or_says_which_rows_there_are(model: Model) -> None:
    named = {one.partition(".")[0] for column in model.columns for one in column.sources}
    assert set(model.sources) - named <= {"financial_gl_schemes"}


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_a_model_says_what_it_and_its_columns_mean_in_types_that_engines_share(model: Model) -> None:
    assert model.description.endswith(".")
    assert all(column.meaning for column in model.columns)
    assert [column.type for column in model.columns if not SHARED_TYPES.fullmatch(column.type)] == []
    cents = {column.name for column in model.columns if column.type == "decimal(18,2)"}
    exact = {column.name.removesuffix("_exact") for column in model.columns if column.name.endswith("_exact")}
    assert exact <= cents


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_each_table_has_an_alias_so_that_a_relation_can_stand_in_its_place(model: Model) -> None:
    statement = re.sub(r"--.*", "", model.statement)
    assert re.findall(r"\bexact\.\w+\b(?! AS \w)", statement) == []


def test_by_default_all_models_are_made_of_the_default_tables() -> None:
    chosen = chosen_models(None, kept=DEFAULT)
    assert [model.name for model in chosen.made] == list(models())
    assert not chosen.lacking


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("none", set()),
        ("dim_item, fct_stock", {"dim_item", "fct_stock"}),
        ("dim_*", {name for name in models() if name.startswith("dim_")}),
        ("-fct_*,-dim_*", set()),
        ("-fct_hours", set(models()) - {"fct_hours"}),
        ("DEFAULT", set(models())),
    ],
)
def test_models_are_chosen_as_tables_are(spec: str, expected: set[str]) -> None:
    assert {model.name for model in chosen_models(spec, kept=DEFAULT).made} == expected


def test_a_model_whose_tables_are_not_kept_is_not_made_and_says_which() -> None:
    chosen = chosen_models("dim_*", kept=DEFAULT - {"crm_accounts", "financial_gl_schemes"})
    assert chosen.lacking == {"dim_relation": ("crm_accounts",)}
    assert "dim_account" in {model.name for model in chosen.made}, "schemes are told where they are kept"


def test_a_model_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        SettingsError, match=r"EXACT_MODELS: there is no model 'fct_ledgers'. Did you mean 'fct_ledger'"
    ):
        chosen_models("fct_ledgers", kept=DEFAULT)


def test_the_version_follows_statement_and_columns_and_not_the_words() -> None:
    model = models()["dim_item"]
    assert replace(model, description="Other words.").version == model.version
    assert replace(model, statement=f"{model.statement} ").version != model.version
    assert replace(model, columns=model.columns[1:]).version != model.version


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT 1", "does not begin with a header"),
        ("/*\nkey = 1\n*/\nSELECT 1", "x.sql: "),
        ("/*\n[\n*/\n", "x.sql: "),
    ],
)
def test_a_file_that_is_no_model_is_refused_by_name(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_model("x", text)


def test_each_file_is_packed_with_the_code() -> None:
    folder = Path(__file__).parents[2] / "exact_assets" / "models" / "sql"
    assert {path.stem for path in folder.glob("*")} == set(models())


def test_the_command_lists_models_and_says_why_one_is_not_made() -> None:
    runner = CliRunner(env={"EXACT_TABLES": "crm_accounts,vat_vat_codes", "EXACT_MODELS": "-dim_vat_code"})
    told = runner.invoke(main, ["models"], catch_exceptions=False)
    assert told.exit_code == 0
    assert "fct_hours is not made: project_time_cost_transactions not kept (EXACT_TABLES)" in told.stdout
    assert told.stdout.rstrip().endswith("21 models, 1 of them made")
    listed = {one["name"]: one for one in json.loads(runner.invoke(main, ["models", "--json"]).stdout)}
    assert [name for name, one in listed.items() if one["is_made"]] == ["dim_relation"]
    assert listed["dim_vat_code"]["lacking"] == [], "it was not chosen"
    assert listed["fct_stock"]["sources"] == ["inventory_stock_positions", "logistics_items"]
