"""Definitions built from a configuration: without the environment, side by side, under names of the user's own."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import exact_assets
from exact_assets import ExactConfig, ExactTableProps, ExactTranslator, build_defs
from exact_assets.errors import SettingsError
from exact_assets_tests.installation import CHECKOUT

EFFECTS = """
import os, sys
class Watched(dict):
    def __getitem__(self, name): raise SystemExit(f"read {name}")
    get = __contains__ = __iter__ = __getitem__
os.environ = Watched()
import exact_assets
assert not {name.split(".")[0] for name in sys.modules} & {"dagster", "pyarrow", "duckdb", "pydantic", "httpx"}
"""


def test_importing_the_package_reads_nothing_and_loads_no_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EFFECTS], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_public_name_of_the_package_can_be_loaded() -> None:
    assert set(exact_assets.__all__) <= set(dir(exact_assets))
    assert all(getattr(exact_assets, name) for name in exact_assets.__all__)
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        _ = exact_assets.nothing_of_ours


def keys_of(defs: dg.Definitions) -> set[str]:
    """Return the tables, without the deletion log."""
    keys = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs() if spec.key.path[0] == "exact"}
    return keys - {"exact/sync_deleted"}


def test_two_configurations_in_one_process_do_not_touch_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_COUNTRY", "nowhere")  # the environment is not asked
    first = ExactConfig(
        tables="crm_accounts",
        control_url=f"sqlite:///{tmp_path}/one.sqlite",
        warehouse_url=f"duckdb:///{tmp_path}/one.duckdb",
        client_id="one",
    )
    second = ExactConfig(
        country="be",
        tables="logistics_units",
        start_year=2023,
        client_id="two",
        control_url=f"sqlite:///{tmp_path}/two.sqlite",
        warehouse_url=f"duckdb:///{tmp_path}/two.duckdb",
    )
    both = [build_defs(first), build_defs(second)]
    assert [keys_of(defs) for defs in both] == [{"exact/crm_accounts"}, {"exact/logistics_units"}]
    with dg.DagsterInstance.ephemeral() as instance:
        for defs in both:
            repository = defs.get_repository_def()
            with dg.build_sensor_context(instance=instance, repository_def=repository, cursor="") as context:
                repository.get_sensor_def("exact_freshness").evaluate_tick(context)
    assert sorted(path.name for path in tmp_path.glob("*.sqlite")) == ["one.sqlite", "two.sqlite"]


class Mine(ExactTranslator):
    """A project's own names."""

    def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
        spec = super().get_asset_spec(props)
        return spec.replace_attributes(
            key=dg.AssetKey(["erp", props.table.name]),
            group_name="finance",
            description="Ours",
            owners=["team:finance"],
            tags={"layer": "raw"},
        ).merge_attributes(metadata={"contact": "finance"})


def test_a_translator_decides_key_group_description_tags_owners_and_metadata() -> None:
    defs = build_defs(ExactConfig(tables="crm_accounts,transaction_lines"), translator=Mine())
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    accounts = specs[dg.AssetKey(["erp", "crm_accounts"])]
    assert (accounts.group_name, accounts.description, list(accounts.owners)) == (
        "finance",
        "Ours",
        ["team:finance"],
    )
    assert accounts.tags["layer"] == "raw"
    assert accounts.metadata["contact"] == "finance"
    checked = {key.asset_key for key in defs.get_repository_def().asset_graph.asset_check_keys}
    assert checked == set(specs)
    job = defs.resolve_job_def("exact_all")
    assert job.asset_layer.selected_asset_keys <= set(specs)


class AllTheSame(ExactTranslator):
    """Names that cannot be told apart."""

    def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
        return super().get_asset_spec(props).replace_attributes(key=dg.AssetKey("table"))


class WithoutYears(ExactTranslator):
    """Partitions of a project's own."""

    def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
        return super().get_asset_spec(props).replace_attributes(partitions_def=None)


@pytest.mark.parametrize(
    ("translator", "said"), [(AllTheSame(), "3 tables the same asset key"), (WithoutYears(), "partitions_def")]
)
def test_a_translator_that_breaks_the_tables_is_refused(translator: ExactTranslator, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        build_defs(ExactConfig(tables="crm_accounts,transaction_lines"), translator=translator)


def test_definitions_bring_no_executor_and_no_secret_into_a_project() -> None:
    defs = build_defs(ExactConfig(tables="crm_accounts", client_id="id"))
    assert defs.executor is None
    merged = dg.Definitions.merge(defs, dg.Definitions(executor=dg.in_process_executor, resources={"warehouse": 1}))
    assert merged.get_repository_def()
