"""Every block of docs/embed.md: Python is run, YAML is loaded, commands exist."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from exact_assets import ExactOnlineComponent, build_defs
from exact_assets.catalogue import select
from exact_assets.cli import main
from exact_assets.config import ExactConfig, variable_of
from exact_assets_tests.installation import CHECKOUT, Installation, installation

TEXT = (CHECKOUT / "docs" / "embed.md").read_text()
YEAR = datetime.now(UTC).year


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)


def run(block: str) -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "embedded"}
    exec(compile(block, "embed.md", "exec"), found)  # noqa: S102 - that is what is documented
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("embed"), divisions=2, rows=50) as made:
        made.enable(*made.divisions)
        yield made


@pytest.fixture
def _in_it(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)


def test_every_block_has_a_language() -> None:
    assert len(re.findall("^```", TEXT, flags=re.MULTILINE)) == 2 * sum(
        len(blocks(language)) for language in ("python", "yaml", "shell")
    )


def test_the_yaml_is_a_component_that_loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXACT_WAREHOUSE_URL", f"duckdb:///{tmp_path}/w.duckdb")
    (block,) = blocks("yaml")
    document = yaml.safe_load(block)
    component: ExactOnlineComponent = ExactOnlineComponent.resolve_from_yaml(yaml.safe_dump(document["attributes"]))
    assert document["type"] == "exact_assets.ExactOnlineComponent"
    assert component.config().warehouse_url == f"duckdb:///{tmp_path}/w.duckdb"
    assert document["requirements"]["env"] == [variable_of("client_id"), variable_of("client_secret")]


def test_commands_exist() -> None:
    said = [line.split() for block in blocks("shell") for line in block.splitlines() if line.startswith("exact-")]
    assert said
    for _, *words in said:
        assert CliRunner().invoke(main, [*(word for word in words if word.isalpha()), "--help"]).exit_code == 0


@pytest.mark.long
@pytest.mark.usefixtures("_in_it")
def test_the_derived_component_describes_and_runs_tables(place: Installation) -> None:
    found = run(blocks("python")[0])["Finance"].resolve_from_yaml("tables: logistics_units")
    config: ExactConfig = found.config()
    defs = build_defs(config, execute=found.execute)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", ["100001"])
        done = defs.resolve_job_def("exact_all").execute_in_process(
            instance=instance, partition_key=f"100001|{YEAR}"
        )
        assert any("Reading logistics_units" in one.message for one in instance.all_logs(done.run_id))
    assert done.success


@pytest.mark.usefixtures("_in_it")
def test_definitions_are_built_in_python() -> None:
    defs = run(blocks("python")[1])["defs"]
    keys = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}
    assert {"exact/crm_accounts", "exact/financialtransaction_transaction_lines"} <= keys


@pytest.mark.usefixtures("_in_it")
def test_assets_below_a_table_run_with_it_and_read_the_warehouse(place: Installation) -> None:
    config = ExactConfig.from_env(tables="crm_accounts", start_year=2024)
    defs = dg.Definitions.merge(build_defs(config), run(blocks("python")[2])["defs"])
    repository = defs.get_repository_def()
    accounts = dg.AssetKey(["exact", "crm_accounts"])
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", ["100001", "100002"])
        job = repository.get_implicit_job_def_for_assets([accounts, dg.AssetKey("accounts_of_year")])
        assert job is not None
        together = job.get_subset(asset_selection={accounts, dg.AssetKey("accounts_of_year")}).execute_in_process(
            instance=instance, partition_key=f"100001|{YEAR}"
        )
        told = {event.asset_key for event in together.get_asset_materialization_events()}
        assert {accounts, dg.AssetKey("accounts_of_year")} <= told
        alone = job.get_subset(asset_selection={dg.AssetKey("customers")}).execute_in_process(
            instance=instance, partition_key="100001"
        )
        (event,) = alone.asset_materializations_for_node("customers")
    assert event.metadata["customers"].value == len(place.truth(select("crm_accounts")[0], 100001))
