"""A configuration and a store in a folder of the test's own, and a simulator that all tests of the folder share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from exact_assets.config import ExactConfig
from exact_assets.control.connect import begin, finish
from exact_assets.control.open import Control
from exact_simulator.process import Simulator, start


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("EXACT_", "DAGSTER_")) and not name.startswith("EXACT_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with start(divisions=(100001, 100002), years=(2025, 2026), rows=200) as running:
        yield running


SECRET_KEY = "a key of the tests"
ON_SQLITE = pytest.mark.parametrize("control_url", ["sqlite"], indirect=True)
"""For what is about the file."""
ON_POSTGRESQL = pytest.mark.parametrize("control_url", ["postgresql"], indirect=True)


ON_EACH_DATABASE = {
    "test_attempts",
    "test_ledger",
    "test_left_out",
    "test_locks",
    "test_refresh",
    "test_renamed_tables",
    "test_sharing",
}
"""Modules whose tests run on all that can keep a control store: what is kept, and who may change it at once."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests on each database, unless they say which."""
    marks = metafunc.definition.iter_markers("parametrize")
    says_which = any(mark.args[0] == "control_url" for mark in marks)
    module = metafunc.module.__name__.rpartition(".")[2]
    if "control_url" in metafunc.fixturenames and module in ON_EACH_DATABASE and not says_which:
        metafunc.parametrize("control_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def control_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return where a control store of the test's own will be."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'control.sqlite'}"
    monkeypatch.setenv("EXACT_SECRET_KEY", SECRET_KEY)
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def config(simulator: Simulator, control_url: str) -> ExactConfig:
    simulator.control.clear_faults()
    simulator.control.forget_quota()
    simulator.control.set(token_seconds=600, minute_limit=60, day_limit=5000, minute_seconds=60)
    return ExactConfig(
        base_url=simulator.base_url,
        client_id=simulator.client_id,
        client_secret=SecretStr(simulator.client_secret),
        redirect_uri=simulator.redirect_uri,
        control_url=control_url,
        secret_key=SecretStr(SECRET_KEY) if "EXACT_SECRET_KEY" in os.environ else None,
    )


@pytest.fixture
def environment(config: ExactConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that a test starts read the configuration."""
    monkeypatch.setenv("EXACT_BASE_URL", config.site_url)
    monkeypatch.setenv("EXACT_CLIENT_ID", config.client_id or "")
    secret = config.client_secret
    monkeypatch.setenv("EXACT_CLIENT_SECRET", "" if secret is None else secret.get_secret_value())
    monkeypatch.setenv("EXACT_CONTROL_URL", config.control_url)


@pytest.fixture
def control(config: ExactConfig) -> Control:
    return Control.open(config)


@pytest.fixture
def connected(control: Control) -> Control:
    connect(control)
    return control


def connect(control: Control) -> None:
    """Do what a browser and the command do."""
    import httpx

    answer = httpx.get(begin(control), follow_redirects=False, trust_env=False)
    finish(control, answer.headers["location"])
