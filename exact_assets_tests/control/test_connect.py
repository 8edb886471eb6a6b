"""The connect command, as a person and as a script uses it, and that nothing tells secrets."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from exact_assets.config import ExactConfig
from exact_assets.control.connect import look_around, zone_of
from exact_assets.control.open import Control
from exact_assets_tests.control.processes import ROOT, next_line, start
from exact_simulator.process import Simulator
from exact_simulator.process import start as start_simulator

COMMAND = "import sys; from exact_assets.cli import main; main(sys.argv[1:])"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    redirect_uri = f"http://localhost:{free_port()}/callback"
    with start_simulator(
        divisions=(100001, 100002), years=(2026, 2026), rows=20, redirect_uri=redirect_uri
    ) as running:
        yield running


@pytest.fixture
def environment(config: ExactConfig, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_BASE_URL", config.site_url)
    monkeypatch.setenv("EXACT_CLIENT_ID", simulator.client_id)
    monkeypatch.setenv("EXACT_CLIENT_SECRET", simulator.client_secret)
    monkeypatch.setenv("EXACT_REDIRECT_URI", simulator.redirect_uri)
    monkeypatch.setenv("EXACT_CONTROL_URL", config.control_url)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def address_in(printed: str) -> str:
    return next(line for line in printed.splitlines() if "/api/oauth2/auth?" in line)


@pytest.mark.long
@pytest.mark.usefixtures("environment")
def test_a_browser_that_comes_back_to_loopback_connects() -> None:
    command = start(COMMAND, "connect", "--no-browser")
    next_line(command)
    answer = httpx.get(next_line(command), follow_redirects=True, trust_env=False)
    printed, problems = command.communicate(timeout=60)
    assert (answer.status_code, command.returncode) == (200, 0), problems
    assert "as Robin" in printed
    assert [line.split()[-1] for line in printed.splitlines()[-2:]] == ["100001", "100002"]


@pytest.mark.usefixtures("environment")
def test_an_address_that_is_pasted_connects() -> None:
    command = start(COMMAND, "connect", "--no-browser")
    next_line(command)
    answer = httpx.get(next_line(command), follow_redirects=False, trust_env=False)
    printed, problems = command.communicate(answer.headers["location"] + "\n", timeout=60)
    assert command.returncode == 0, problems
    assert "Connected to" in printed


@pytest.mark.usefixtures("environment")
def test_a_script_connects_in_two_steps() -> None:
    first = run("connect", "--no-browser", "--wait-seconds", "0")
    answer = httpx.get(address_in(first.stdout), follow_redirects=False, trust_env=False)
    second = run("connect", "--redirect-url", answer.headers["location"])
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    again = run("connect", "--redirect-url", answer.headers["location"])
    assert again.returncode == 1
    assert again.stderr.startswith("exact-assets: ")


@pytest.mark.long
@pytest.mark.usefixtures("environment")
def test_an_address_of_another_attempt_is_refused() -> None:
    first = run("connect", "--no-browser", "--wait-seconds", "0")
    answer = httpx.get(address_in(first.stdout), follow_redirects=False, trust_env=False)
    run("connect", "--no-browser", "--wait-seconds", "0")
    refused = run("connect", "--redirect-url", answer.headers["location"])
    assert (refused.returncode, "state" in refused.stderr) == (1, True)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("missing", "code"), [("EXACT_CLIENT_ID", 1), ("EXACT_CLIENT_SECRET", 1)])
def test_what_is_missing_is_named(missing: str, code: int) -> None:
    done = run("connect", "--wait-seconds", "0", "--no-browser", **{missing: ""})
    assert (done.returncode, missing in done.stderr) == (code, True)


@pytest.mark.long
def test_wrong_usage_is_told_apart_from_failure() -> None:
    assert run("connect", "--nonsense").returncode == 2
    assert run("connect", EXACT_COUNTRY="nll").returncode == 1


def test_the_zone_follows_from_the_servers_offset() -> None:
    summer, winter = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert [zone_of(7200, summer), zone_of(3600, winter)] == ["Europe/Amsterdam"] * 2
    assert [zone_of(3600, summer), zone_of(0, winter)] == ["Europe/London"] * 2
    assert [zone_of(-16_200, summer), zone_of(19_800, winter)] == ["-04:30", "+05:30"]
    assert zone_of(None, summer) == "Europe/Amsterdam"


def secrets_of(control: Control) -> list[str]:
    token = control.tokens.read().token
    return [token.access_token, token.refresh_token, control.client_secret()]


@pytest.mark.usefixtures("environment")
def test_no_secret_is_logged_printed_or_kept_in_the_open(
    connected: Control, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import asyncio

    with caplog.at_level(logging.DEBUG, logger="root"):
        logging.getLogger("httpx").setLevel(logging.DEBUG)
        logging.getLogger("httpcore").setLevel(logging.DEBUG)
        found = asyncio.run(look_around(connected))
    shown = f"{caplog.text}{connected!r}{connected.config!r}{found!r}{connected.tokens.read()!r}"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(caplog.records) > 5
    for secret in secrets_of(connected):
        assert secret not in shown
        assert secret.encode() not in kept


def test_the_database_is_for_its_owner_only(connected: Control, tmp_path: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("control.sqlite*") if path.is_file()} == {0}
