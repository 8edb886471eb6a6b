"""The command and the process: start, stop, and what a second start finds."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from exact_simulator.process import SimulatorError, start

tiny = partial(start, divisions=1, years=(2025, 2026), rows=100)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_it_ends_with_the_block() -> None:
    with tiny() as simulator:
        assert is_alive(simulator.pid)
    assert not is_alive(simulator.pid)


def test_it_ends_cleanly_when_asked() -> None:
    with tiny() as simulator:
        os.kill(simulator.pid, signal.SIGTERM)
        for _ in range(100):
            if not is_alive(simulator.pid):
                break
            time.sleep(0.05)
        assert not is_alive(simulator.pid)


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process that its parent ended")
def test_it_ends_with_its_parent() -> None:
    program = (
        "import os, sys\nfrom exact_simulator.process import start\n"
        "with start(divisions=1, rows=100) as simulator:\n"
        "    print(simulator.pid, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if not is_alive(pid):
            break
        time.sleep(0.05)
    assert not is_alive(pid)


@pytest.mark.long
def test_a_second_start_finds_rows_tokens_and_calls(tmp_path: Path) -> None:
    data = tmp_path / "books.sqlite"
    with tiny(data=data) as first:
        token = first.control.tokens()["access_token"]
        (key,) = first.control.insert("crm/Accounts", 100001)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        httpx.get(f"{first.base_url}/api/v1/100001/crm/Contacts?$top=1", headers=headers, trust_env=False)
    with tiny(data=data) as second:
        assert second.control.quota()[0]["day"]["used"] == 1
        url = f"{second.base_url}/api/v1/100001/crm/Accounts(guid'{key}')"
        assert httpx.get(url, headers=headers, trust_env=False).status_code == 200


def test_a_start_that_was_killed_half_way_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "books.draft").write_bytes(b"half a file")
    with tiny(data=tmp_path / "books.sqlite") as simulator:
        assert simulator.control.rows("crm/Accounts", 100001)


def test_divisions_may_be_named() -> None:
    with start(divisions=[123456, 7], years=(2026, 2026), rows=100) as simulator:
        assert {row["Code"] for row in simulator.control.rows("system/Divisions", 7)} == {7, 123456}


def test_strict_plays_the_harder_way() -> None:
    with tiny(strict=True, settings={"page_size_cap": 3}) as simulator:
        settings = simulator.control.set()
        assert (settings["mandatory_filter"], settings["sync_order"], settings["page_size_cap"]) == (
            True,
            "shuffled",
            3,
        )


def test_it_says_why_it_does_not_start(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SimulatorError, match="code 2"), start(divisions=[1, 1], rows=100):
        pass
    assert "divisions" in capfd.readouterr().err


def test_an_unknown_setting_ends_it_again() -> None:
    with pytest.raises(ValueError, match="nonsense"), tiny(settings={"nonsense": 1}):
        pass
