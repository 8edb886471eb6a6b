"""A project as `create-dagster` makes it, with a wheel of this checkout: what its user types, and what it does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from exact_assets.catalogue import select
from exact_assets_tests.installation import CHECKOUT, Installation, installation

TOOLS = Path(sys.prefix) / "dg"
"""An environment with `create-dagster` and `dg`, as `make test` makes it; ours comes into it as a wheel."""
YEAR = datetime.now(UTC).year
OWN_ASSETS = """
import dagster as dg
from exact_assets import grid

@dg.asset(deps=[dg.AssetKey(["exact", "crm_accounts"])], partitions_def=grid(YEAR))
def relations(context: dg.AssetExecutionContext) -> None:
    context.log.info(f"relations of {context.partition_key}")

@dg.asset
def crm_accounts() -> None:
    ...

@dg.definitions
def defs() -> dg.Definitions:
    mine = dg.ResourceDefinition.hardcoded_resource("mine")
    return dg.Definitions(
        assets=[relations, crm_accounts],
        jobs=[dg.define_asset_job("everything", selection=[crm_accounts])],
        resources={"warehouse": mine, "exact": mine},
        executor=dg.in_process_executor,
    )
"""
"""A project's own: an asset below a table, one that is called as a table is, resources that others have, too."""


@dataclass(frozen=True)
class Project:
    """Where it is, and how commands are run in it."""

    root: Path
    site: Path
    place: Installation

    def run(self, *command: str, expect: int = 0, **environment: str) -> str:
        path = f"{self.site}:{self.root / 'src'}"
        secrets = {name: self.place.environment[name] for name in ("EXACT_CLIENT_ID", "EXACT_CLIENT_SECRET")}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("EXACT_", "DAGSTER"))}
        done = subprocess.run(
            [str(TOOLS / "bin" / command[0]), *command[1:]],
            cwd=self.root,
            env=clean
            | secrets
            | {
                "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": path,
                "DAGSTER_HOME": str(self.root.parent / "home"),
                "DAGSTER_DISABLE_TELEMETRY": "1",
                "COLUMNS": "160",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, f"{command}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    assert (TOOLS / "bin" / "dg").exists(), (
        "run `make test`: it makes the environment that has create-dagster and dg"
    )
    folder = tmp_path_factory.mktemp("project")
    pip = [str(TOOLS / "bin" / "pip"), "--disable-pip-version-check", "-q"]
    wheels, site = folder / "wheels", folder / "site"
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, CHECKOUT], check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", site, wheel], check=True)
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").touch()
    with installation(folder / "exact", divisions=2, rows=50) as place:
        made = Project(folder / "my-project", site, place)
        made.root.mkdir()
        made.run("create-dagster", "project", "--no-uv-sync", ".")
        made.run(
            *("dg", "scaffold", "defs", "exact_assets.ExactOnlineComponent", "exact"),
            *("--country", "nl", "--start-year", str(YEAR - 1)),
        )
        yield made


@pytest.mark.long
def test_dg_lists_the_component_and_the_variables_it_needs(project: Project) -> None:
    assert "exact_assets.ExactOnlineComponent" in project.run("dg", "list", "components")
    told = project.run("dg", "list", "envs")
    assert "EXACT_CLIENT_ID" in told
    assert "EXACT_CLIENT_SECRET" in told


def test_what_was_scaffolded_passes_dagsters_checks(project: Project) -> None:
    assert "validated successfully" in project.run("dg", "check", "yaml")
    assert "loaded successfully" in project.run("dg", "check", "defs")


@pytest.mark.long
def test_a_wrong_value_fails_the_check_with_file_line_and_what_was_expected(project: Project) -> None:
    path = project.root / "src" / "my_project" / "defs" / "exact" / "defs.yaml"
    right = path.read_text()
    path.write_text(right.replace("country: nl", "country: atlantis"))
    try:
        told = project.run("dg", "check", "defs", expect=1)
    finally:
        path.write_text(right)
    assert "defs.yaml:4" in told
    assert "expected one of nl, be" in told


def test_a_partition_is_materialised_with_the_projects_own_asset_below_it(project: Project) -> None:
    simulator, control_url = project.place.simulator, project.place.environment["EXACT_CONTROL_URL"]
    path = project.root / "src" / "my_project" / "defs" / "exact" / "defs.yaml"
    written = yaml.safe_load(path.read_text())
    written["attributes"] |= {
        "base_url": simulator.base_url,
        "redirect_uri": simulator.redirect_uri,
        "control_url": control_url,
        "tables": ["crm_accounts", "crm_contacts"],
    }
    path.write_text(yaml.safe_dump(written))
    (project.root / "src" / "my_project" / "defs" / "own.py").write_text(OWN_ASSETS.replace("YEAR", str(YEAR - 1)))
    listed = project.run("python", "-m", "exact_assets.cli", "divisions", "refresh")
    assert "2" in listed
    project.run("python", "-m", "exact_assets.cli", "divisions", "enable", "100001")
    # Models are partitioned by division alone, and follow by themselves.
    chosen = 'key:"exact/crm_accounts"+ and not group:"exact_bi"'
    told = project.run("dg", "launch", "--assets", chosen, "--partition", f"100001|{YEAR}")
    assert f"relations of 100001|{YEAR}" in told
    truth = project.place.truth(select("crm_accounts")[0], 100001)
    with duckdb.connect(str(project.root / ".state" / "warehouse.duckdb"), read_only=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM exact.crm_accounts").fetchone() or (0,)
    assert count == len(truth)
    assert json.loads(project.run("python", "-m", "exact_assets.cli", "status", "--json"))
