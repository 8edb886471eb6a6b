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
        if name.startswith(("EXACT_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with start(divisions=(100001, 100002), years=(2025, 2026), rows=200) as running:
        yield running


@pytest.fixture
def config(simulator: Simulator, tmp_path: Path) -> ExactConfig:
    simulator.control.clear_faults()
    simulator.control.forget_quota()
    simulator.control.set(token_seconds=600, minute_limit=60, day_limit=5000, minute_seconds=60)
    return ExactConfig(
        base_url=simulator.base_url,
        client_id=simulator.client_id,
        client_secret=SecretStr(simulator.client_secret),
        redirect_uri=simulator.redirect_uri,
        control_url=f"sqlite:///{tmp_path / 'control.sqlite'}",
    )


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
