"""What Dagster shows of a table before anything is loaded."""

from dataclasses import replace

import dagster as dg

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.config import ExactConfig
from exact_assets.defs.translator import ExactTableProps, ExactTranslator, code_version
from exact_assets_tests.tables import table

LEDGER = "financialtransaction_transaction_lines"


def test_columns_carry_exacts_names_and_types_beside_the_warehouses() -> None:
    props = ExactTableProps(table=select(LEDGER)[0], start_year=2022, warehouse_kind="duckdb")
    spec = ExactTranslator().get_asset_spec(props)
    columns = {column.name: column for column in spec.metadata["dagster/column_schema"].columns}
    assert columns["amount_dc"].type == "DECIMAL(38, 10)"
    described = columns["amount_dc"].description or ""
    assert described.startswith("AmountDC (Edm.Double): amount in the division's own currency")
    assert "header" in (spec.description or "")
    assert columns["account"].constraints.other == ["references exact.crm_accounts.id"]
    assert spec.metadata["exact/references"].data["gl_account"] == "exact.financial_gl_accounts.id"
    assert columns["id"].type == "UUID"
    assert not columns["id"].constraints.nullable


def test_the_code_version_follows_the_columns() -> None:
    assert code_version(table()) == code_version(table())
    assert code_version(table()) != code_version(select("crm_accounts")[0])


def test_a_column_under_another_name_in_the_warehouse_is_the_same_column() -> None:
    before = select("manufacturing_bill_of_material_materials")[0]
    names = {column.name: f"{column.name}_" for column in before.columns}
    after = replace(
        before,
        columns=tuple(replace(column, name=names[column.name]) for column in before.columns),
        key=tuple(names[name] for name in before.key),
        year=tuple(names[name] for name in before.year),
    )
    assert code_version(after) == code_version(before)


def test_all_tables_are_assets_in_the_groups_of_exacts_services() -> None:
    defs = build_defs(ExactConfig.from_env(tables="all"))
    specs = list(defs.resolve_all_asset_specs())
    assert len(specs) >= 260
    accounts = next(spec for spec in specs if spec.key == dg.AssetKey(["exact", "crm_accounts"]))
    assert accounts.group_name == "crm"
    assert accounts.kinds == {"exact", "duckdb"}


def test_jobs_are_the_few_that_people_start_and_each_says_what_it_does() -> None:
    defs = build_defs(ExactConfig.from_env(tables="all"))
    jobs = {job.name: job.description for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert {"exact_all", "exact_checks", "exact_deletions", "exact_sweep"} <= set(jobs)
    assert len(jobs) <= 10
    assert all(jobs.values())
