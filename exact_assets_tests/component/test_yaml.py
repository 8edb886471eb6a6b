"""What the component's YAML may say, and what becomes of it, by Dagster's own loading; no process is started."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster.components.testing import create_defs_folder_sandbox
from pydantic import ValidationError

from exact_assets import ExactConfig, ExactOnlineComponent, ExactTableProps, TableRun
from exact_assets.config import variable_of
from exact_assets.defs.assets import Event
from exact_assets.defs.partitions import partition_key
from exact_assets.errors import SettingsError

NEVER_IN_YAML = {"dagster_home", "client_id", "client_secret", "secret_key"}
TWO_TABLES = "crm_accounts, financialtransaction_transaction_lines"


@pytest.fixture(autouse=True)
def _without_an_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for field in ExactConfig.model_fields:
        monkeypatch.delenv(variable_of(field), raising=False)


def definitions(
    attributes: dict[str, Any], *, of: type[ExactOnlineComponent] = ExactOnlineComponent, **more: Any
) -> dg.Definitions:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=of,
            defs_yaml_contents={"type": f"{of.__module__}.{of.__qualname__}", "attributes": attributes, **more},
        )
        with sandbox.load_component_and_build_defs(defs_path=path) as (_, defs):
            return defs


def specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_every_setting_but_secrets_may_stand_in_yaml_and_is_described() -> None:
    described = ExactOnlineComponent.model().model_json_schema()["properties"]
    assert set(described) == {*ExactConfig.model_fields, "translation"} - NEVER_IN_YAML
    assert [name for name, schema in described.items() if not schema.get("description")] == []


def test_lists_and_mappings_become_what_the_configuration_takes() -> None:
    written = (
        "tables: [crm, -crm_contacts]\nfrequencies: {crm/*: 1d}\nstart_year: 2023\ncountry: be\ndeletions: soft"
    )
    config = ExactOnlineComponent.resolve_from_yaml(written).config()
    assert (config.tables, config.frequencies, config.start_year) == ("crm,-crm_contacts", "crm/*=1d", 2023)
    assert (config.site_url, config.deletions) == ("https://start.exactonline.be", "soft")


def test_what_yaml_does_not_say_comes_from_the_environment_and_the_projects_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / ".env").write_text("EXACT_CLIENT_ID=app\nEXACT_CLIENT_SECRET=hidden\n")
    monkeypatch.setenv("EXACT_COUNTRY", "de")
    monkeypatch.setenv("EXACT_START_YEAR", "2020")
    component = ExactOnlineComponent.resolve_from_yaml("start_year: 2024")
    config = component.config(project_root=tmp_path / "project")
    assert (config.country, config.start_year, config.client_id) == ("de", 2024, "app")
    assert config.state_folder == tmp_path / "project" / ".state"
    assert "hidden" not in repr(config) + repr(component)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("country: xx", "expected one of nl, be, de, fr, es, com, uk"),
        ("start_year: 1800", "expected a year from 1990"),
        ("tables: [crm_acounts]", "crm_accounts"),
        ("frequencies: {crm/*: 1x}", "expected a number and its unit"),
        ("warehouse_url: somewhere", "expected a database URL"),
        ("warehouse_url: oracle://host/db", "there is no warehouse of kind"),
        ("control_url: mysql://host/db", "expected sqlite"),
        ("base_url: start.exactonline.nl", "expected scheme and host"),
        ("answer_mb: many", "valid integer"),
        ("client_secret: abc", "Extra inputs are not permitted"),
        ("tabels: crm", "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_value_is_refused_at_its_line_with_what_was_expected(written: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ExactOnlineComponent.resolve_from_yaml(f"deletions: hard\n{written}")
    assert ":2" in str(refused.value)
    assert said in str(refused.value)


def test_a_template_may_stand_for_any_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YEAR", "2022")
    monkeypatch.setenv("COUNTRY", "atlantis")
    assert ExactOnlineComponent.resolve_from_yaml("start_year: '{{ env.YEAR }}'").config().start_year == 2022
    with pytest.raises((SettingsError, ValidationError), match="country"):
        ExactOnlineComponent.resolve_from_yaml("country: '{{ env.COUNTRY }}'").config()


def test_translation_names_assets_by_their_tables() -> None:
    found = specs(
        definitions(
            {
                "tables": TWO_TABLES,
                "translation": {
                    "key": "erp/{{ table.name }}",
                    "group_name": "raw_{{ table.group }}",
                    "tags": {"feed": "{{ table.feed }}"},
                    "owners": ["team:finance"],
                    "kinds": ["erp"],
                    "metadata": {"path": "{{ table.endpoint }}"},
                },
            }
        )
    )
    accounts = found["erp/crm_accounts"]
    assert (accounts.group_name, accounts.tags["feed"], list(accounts.owners)) == (
        "raw_crm",
        "sync",
        ["team:finance"],
    )
    assert accounts.metadata["path"] == "/api/v1/{division}/sync/CRM/Accounts"
    assert "erp" in accounts.kinds
    assert set(found) == {
        *(f"erp/{name}" for name in ("crm_accounts", "sync_deleted", "financialtransaction_transaction_lines")),
        "exact_bi/dim_relation",
    }
    assert {dep.asset_key.to_user_string() for dep in found["exact_bi/dim_relation"].deps} == {"erp/crm_accounts"}


def test_models_are_chosen_and_refused_as_the_environment_does() -> None:
    assert "exact_bi/dim_relation" not in specs(definitions({"tables": TWO_TABLES, "models": "none"}))
    assert "exact_bi/dim_relation" in specs(definitions({"tables": TWO_TABLES, "models": ["dim_*", "-dim_item"]}))


def test_post_processing_changes_what_it_targets() -> None:
    found = specs(
        definitions(
            {"tables": TWO_TABLES},
            post_processing={"assets": [{"target": "group:crm", "attributes": {"tags": {"layer": "raw"}}}]},
        )
    )
    assert found["exact/crm_accounts"].tags["layer"] == "raw"
    assert "layer" not in found["exact/financialtransaction_transaction_lines"].tags


class Mine(ExactOnlineComponent):
    """A project's own component."""

    def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
        return super().get_asset_spec(props).merge_attributes(metadata={"contact": "finance"})

    def execute(self, context: dg.AssetExecutionContext, run: TableRun) -> Iterator[Event]:
        context.log.info("before %s", run.table.name)
        yield from super().execute(context, run)


def test_a_subclass_describes_assets_and_wraps_their_execution() -> None:
    defs = definitions({"tables": "crm_accounts", "translation": {"group_name": "mine"}}, of=Mine)
    spec = specs(defs)["exact/crm_accounts"]
    assert (spec.metadata["contact"], spec.group_name) == ("finance", "mine")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", ["1"])
        done = defs.resolve_job_def("exact_all").execute_in_process(
            instance=instance, raise_on_error=False, partition_key=str(partition_key(1, 2024))
        )
        said = [entry.message for entry in instance.all_logs(done.run_id)]
    assert any("before crm_accounts" in message for message in said)


def test_the_yaml_that_is_scaffolded_loads(tmp_path: Path) -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=ExactOnlineComponent,
            scaffold_params={"country": "be", "start_year": 2024, "tables": "crm"},
        )
        written = yaml.safe_load((path / "defs.yaml").read_text())
        assert written.pop("type").endswith("ExactOnlineComponent")
        assert written == {
            "attributes": {"country": "be", "start_year": 2024, "tables": "crm"},
            "requirements": {"env": ["EXACT_CLIENT_ID", "EXACT_CLIENT_SECRET"]},
        }
        with sandbox.load_component_and_build_defs(defs_path=path) as (component, _):
            assert isinstance(component, ExactOnlineComponent)
            assert component.country == "be"
