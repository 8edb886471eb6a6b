"""Models as Dagster runs and shows them: by division, after their tables, with what people look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from exact_assets.build import build_defs
from exact_assets.config import ExactConfig
from exact_assets.defs.models import SENSOR
from exact_assets.defs.translator import ExactModelProps, ExactTranslator
from exact_assets.errors import SettingsError
from exact_assets.models.registry import models
from exact_assets_tests.installation import Installation
from exact_assets_tests.models.conftest import file_of
from exact_assets_tests.models.rows import DIVISION, OTHER

YEAR = datetime.now(UTC).year
LEDGER, ITEMS = "financialtransaction_transaction_lines", "logistics_items"


@dataclass(frozen=True)
class Project:
    """Definitions of the books, whose runs go in this process."""

    defs: dg.Definitions
    instance: dg.DagsterInstance
    file: Path

    def run(
        self, *names: str, divisions: tuple[int, ...] = (DIVISION, OTHER), **options: Any
    ) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[model_key(name) for name in names],
            tags={
                "dagster/asset_partition_range_start": str(divisions[0]),
                "dagster/asset_partition_range_end": str(divisions[-1]),
            },
            **options,
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file)) as connection:
            return connection.execute(statement).fetchall()


def model_key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["exact_bi", name])


def table_key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["exact", name])


@pytest.fixture
def project(firm: Installation, tmp_path: Path) -> Iterator[Project]:
    file = file_of(firm, tmp_path)
    changes = {
        "warehouse_url": f"duckdb:///{file}",
        "control_url": f"sqlite:///{tmp_path / 'control.sqlite'}",
        "tables": f"{LEDGER},financial_gl_accounts,{ITEMS},receivables_list,aging_receivables_list",
    }
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", [str(DIVISION), str(OTHER)])
        yield Project(build_defs(firm.config.model_copy(update=changes)), instance, file)


def test_a_run_builds_its_divisions_checks_them_and_shows_what_people_look_at(project: Project) -> None:
    done = project.run("fct_ledger", "fct_receivables", "dim_item")
    made = {
        (one.asset_key.path[-1], one.partition): one.metadata
        for one in (event.step_materialization_data.materialization for event in materialisations(done))
    }
    assert set(made) == {
        (name, str(division))
        for name in ("fct_ledger", "fct_receivables", "dim_item")
        for division in (DIVISION, OTHER)
    }
    for division in (DIVISION, OTHER):
        revenue = project.query(
            f"SELECT -sum(l.amount_dc) FROM exact.{LEDGER} l JOIN exact.financial_gl_accounts g USING (division) "
            f"WHERE g.id = l.gl_account AND g.type = 110 AND g.balance_type = 'W' AND l.status >= 20 "
            f"AND l.financial_year = {YEAR} AND division = {division}"
        )[0][0]
        shown = made["fct_ledger", str(division)]
        assert shown["revenue_this_year"].value == pytest.approx(float(revenue or 0))
        assert shown["unbalanced_entries"].value == 0
        lines = project.query(f"SELECT count(*) FROM exact.{LEDGER} WHERE division = {division}")[0][0]
        assert shown["dagster/partition_row_count"].value == lines
        owed = project.query(
            f"SELECT sum(amount) FROM exact.financial_receivables_list WHERE division = {division}"
        )
        assert made["fct_receivables", str(division)]["open_receivables"].value == pytest.approx(float(owed[0][0]))
    evaluated = {(one.asset_key.path[-1], one.check_name): one for one in done.get_asset_check_evaluations()}
    assert set(evaluated) == {
        *(("fct_ledger", name) for name in ("keys_unique", "rows_equal_source", "trial_balance_is_zero")),
        *(("fct_receivables", name) for name in ("keys_unique", "rows_equal_source", "equals_ageing_list")),
        *(("dim_item", name) for name in ("keys_unique", "rows_equal_source")),
    }
    assert [key for key, one in evaluated.items() if not one.passed] == []


def materialisations(done: dg.ExecuteInProcessResult) -> list[dg.DagsterEvent]:
    return [event for event in done.all_events if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION]


def test_a_check_shows_all_divisions_though_a_run_looks_at_its_own(project: Project) -> None:
    project.run("dim_item")
    project.query(f"UPDATE exact_bi.dim_item SET item_id = NULL WHERE division = {OTHER}")
    job = project.defs.resolve_implicit_global_asset_job_def()
    every = {dg.AssetCheckKey(model_key("dim_item"), name) for name in ("keys_unique", "rows_equal_source")}
    alone = job.get_subset(asset_check_selection=every, asset_selection=set()).execute_in_process(
        instance=project.instance
    )
    assert not materialisations(alone)
    found = {one.check_name: one for one in alone.get_asset_check_evaluations()}
    assert (found["keys_unique"].passed, found["rows_equal_source"].passed) == (False, True)
    after = project.run("dim_item", divisions=(DIVISION,))
    [told] = [one for one in after.get_asset_check_evaluations() if one.check_name == "keys_unique"]
    assert not told.passed
    assert str(OTHER) in (told.description or "")
    assert all(one.passed for one in project.run("dim_item").get_asset_check_evaluations())


def test_a_division_that_fails_is_named_and_the_others_are_recorded(project: Project) -> None:
    project.query(f"UPDATE exact.{LEDGER} SET amount_dc = 1e20 WHERE division = {OTHER}")
    done = project.run("fct_ledger", raise_on_error=False)
    assert not done.success
    assert [event.partition for event in materialisations(done)] == [str(DIVISION)]
    [failed] = [event for event in done.all_events if event.is_step_failure]
    assert f"{OTHER}: " in str(failed.event_specific_data)


def test_a_division_that_was_disabled_meanwhile_is_left_alone(project: Project) -> None:
    run = project.instance
    run.delete_dynamic_partition("exact_divisions", str(DIVISION))
    done = project.run("dim_item", divisions=(OTHER,))
    assert [event.partition for event in materialisations(done)] == [str(OTHER)]
    run.delete_dynamic_partition("exact_divisions", str(OTHER))


def test_a_model_follows_its_tables_in_the_divisions_that_changed_and_in_no_others(project: Project) -> None:
    instance, defs = project.instance, project.defs

    def requested(cursor: Any) -> tuple[dict[str, set[str | None]], Any]:
        evaluated = dg.evaluate_automation_conditions(defs, instance=instance, cursor=cursor)
        found: dict[str, set[str | None]] = {
            name: set(evaluated.get_requested_partitions(model_key(name)))
            for name in ("dim_item", "fct_ledger", "fct_receivables")
        }
        return {name: partitions for name, partitions in found.items() if partitions}, evaluated.cursor

    def report(name: str, partition: str | None) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(table_key(name), partition=partition))

    everywhere = {str(DIVISION), str(OTHER)}
    nothing, cursor = requested(None)
    assert nothing == {}, "there is no table yet of which a model could be made"
    report(ITEMS, f"{DIVISION}|{YEAR}")
    first, cursor = requested(cursor)
    assert first == {"dim_item": {str(DIVISION)}}
    for name in ("dim_item", "fct_ledger", "fct_receivables"):
        for division in everywhere:
            instance.report_runless_asset_event(dg.AssetMaterialization(model_key(name), partition=division))
    # All years but one are missing, as in a division that is new; and the model was built since the last tick.
    report(ITEMS, f"{OTHER}|{YEAR}")
    changed, cursor = requested(cursor)
    assert changed == {"dim_item": {str(OTHER)}}
    report(ITEMS, None)
    unchanged, cursor = requested(cursor)
    assert unchanged == {}, "a table in which nothing is new wakes nobody"
    report("financial_gl_accounts", f"{DIVISION}|{YEAR - 3}")
    accounts, _ = requested(cursor)
    assert accounts == {"fct_ledger": {str(DIVISION)}}


def test_what_has_the_day_in_it_is_built_each_day(project: Project) -> None:
    instance, defs = project.instance, project.defs
    for name in ("dim_item", "fct_ledger", "fct_receivables"):
        for division in (DIVISION, OTHER):
            instance.report_runless_asset_event(dg.AssetMaterialization(model_key(name), partition=str(division)))
    selection = dg.AssetSelection.assets(*(model_key(name) for name in ("dim_item", "fct_receivables")))

    def total(moment: datetime, cursor: Any) -> tuple[set[str], Any]:
        found = dg.evaluate_automation_conditions(
            defs, instance=instance, asset_selection=selection, evaluation_time=moment, cursor=cursor
        )
        return {
            key.path[-1] for key in (one.key for one in found.results) if found.get_num_requested(key)
        }, found.cursor

    moment = datetime(YEAR, 3, 1, 23, 0, tzinfo=UTC)
    _, cursor = total(moment, None)
    assert total(moment.replace(minute=30), cursor)[0] == set()
    assert total(moment.replace(month=3, day=2, hour=0, minute=10), cursor)[0] == {"fct_receivables"}


def test_only_models_whose_tables_are_kept_are_made(project: Project) -> None:
    made = {spec.key.path[-1] for spec in project.defs.resolve_all_asset_specs() if spec.key.path[0] == "exact_bi"}
    assert made == {"dim_account", "dim_item", "fct_balance_by_period", "fct_ledger", "fct_receivables"}


def test_without_models_there_is_no_sensor_of_theirs() -> None:
    defs = build_defs(ExactConfig(tables="crm_accounts", models="none"))
    assert SENSOR not in {sensor.name for sensor in defs.sensors or ()}
    assert {spec.key.path[0] for spec in defs.resolve_all_asset_specs()} == {"exact"}
    with_model = build_defs(ExactConfig(tables="crm_accounts", models="dim_relation"))
    assert SENSOR in {sensor.name for sensor in with_model.sensors or ()}


def test_a_spec_shows_columns_lineage_and_what_the_model_is_made_of() -> None:
    defs = build_defs(ExactConfig(tables="default"))
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    for name, model in models().items():
        spec = specs[model_key(name)]
        kept = {table_key(table) for table in model.sources} & set(specs)
        assert {dep.asset_key for dep in spec.deps} == kept
        assert spec.description == model.description
        columns = spec.metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == ["division", *(column.name for column in model.columns)]
        assert all(column.description for column in columns)
        lineage = spec.metadata["dagster/column_lineage"].deps_by_column
        assert {dep.asset_key for deps in lineage.values() for dep in deps} <= kept
    amount = specs[model_key("fct_ledger")].metadata["dagster/column_lineage"].deps_by_column["amount"]
    assert [(dep.asset_key, dep.column_name) for dep in amount] == [(table_key(LEDGER), "amount_dc")]


class _Moved(ExactTranslator):
    def get_model_spec(self, props: ExactModelProps) -> dg.AssetSpec:
        return super().get_model_spec(props).replace_attributes(key=dg.AssetKey(["erp", props.model.name]))


class _Loose(ExactTranslator):
    def get_model_spec(self, props: ExactModelProps) -> dg.AssetSpec:
        return super().get_model_spec(props).replace_attributes(deps=[])


def test_a_project_may_name_models_otherwise_but_not_cut_them_off_from_their_tables() -> None:
    config = ExactConfig(tables="crm_accounts")
    defs = build_defs(config, translator=_Moved())
    assert dg.AssetKey(["erp", "dim_relation"]) in {spec.key for spec in defs.resolve_all_asset_specs()}
    with pytest.raises(SettingsError, match="must leave partitions_def and deps of dim_relation"):
        build_defs(config, translator=_Loose())
