"""What is in deploy/ fits the product: its instance loads, and whatever it names is there."""

import re
import shutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_docker import DockerRunLauncher

from exact_assets.config import ExactConfig, variable_of

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SETTINGS = {variable_of(name) for name in ExactConfig.model_fields}
NEEDED = {"DAGSTER_PG_URL", "EXACT_WAREHOUSE_URL", "EXACT_SECRET_KEY", "EXACT_CLIENT_ID", "EXACT_CLIENT_SECRET"}


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def variables(name: str) -> set[str]:
    return set(re.findall(r"^([A-Z_]+)=", (DEPLOY / name).read_text(), re.MULTILINE))


def test_the_instance_loads_with_its_storage_on_postgresql(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(DEPLOY / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_PG_URL", postgresql_url)
    for name in read("dagster.yaml")["run_launcher"]["config"]["env_vars"]:
        monkeypatch.setenv(name, "of the test") if name.startswith("EXACT_") else None
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_launcher, DockerRunLauncher)
        assert instance.run_launcher.supports_check_run_worker_health
        assert instance.get_runs_count() == 0


def test_runs_get_the_settings_that_there_are_and_all_that_they_need() -> None:
    passed_on = set(read("dagster.yaml")["run_launcher"]["config"]["env_vars"])
    assert passed_on - {"DAGSTER_PG_URL"} <= SETTINGS
    assert passed_on >= NEEDED


def test_each_variable_that_runs_get_is_there_in_the_containers_that_start_them() -> None:
    """The launcher refuses to start a run for one that is not set, be it empty or not."""
    passed_on = set(read("dagster.yaml")["run_launcher"]["config"]["env_vars"])
    services = read("compose.yaml")["services"]
    for name in ("webserver", "daemon"):
        assert passed_on <= variables("example.env") | set(services[name]["environment"])
        assert "/var/run/docker.sock:/var/run/docker.sock" in services[name]["volumes"]
    assert SETTINGS - {"DAGSTER_HOME"} <= passed_on


def test_the_example_of_the_environment_names_settings_and_no_secret() -> None:
    named = variables("example.env")
    assert named - {"DAGSTER_PG_URL", "POSTGRES_PASSWORD"} <= SETTINGS
    assert named >= NEEDED
    secret = r"^(EXACT_SECRET_KEY|EXACT_CLIENT_SECRET|POSTGRES_PASSWORD)=(.+)$"
    filled = re.findall(secret, (DEPLOY / "example.env").read_text(), re.MULTILINE)
    assert filled == []


def test_commands_of_containers_are_programs_of_the_image() -> None:
    programs = {one.name for one in entry_points(group="console_scripts")}
    services = read("compose.yaml")["services"]
    called = {service["command"][0] for service in services.values() if "command" in service}
    called.add(re.findall(r'^CMD \["([\w-]+)"', (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[0])
    assert called == {"dagster", "dagster-webserver", "dagster-daemon"}
    assert called <= programs


def test_the_image_is_made_of_files_that_are_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert len(names) > 5
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_nothing_is_reached_from_beyond_the_machine() -> None:
    published = [port for service in read("compose.yaml")["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:3000:3000"]


def test_the_code_location_is_found_where_the_workspace_says() -> None:
    [server] = [one["grpc_server"] for one in read("workspace.yaml")["load_from"]]
    assert server["host"] in read("compose.yaml")["services"]
    assert f'"{server["port"]}"' in (DEPLOY / "Dockerfile").read_text()
    [deployment] = read("helm-values.yaml")["dagster-user-deployments"]["deployments"]
    assert deployment["dagsterApiGrpcArgs"] == ["-m", "exact_assets.definitions"]
