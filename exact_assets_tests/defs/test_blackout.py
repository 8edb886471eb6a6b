"""All of a real `dagster dev` killed while a run is at work: after the restart the work goes on by itself.

Many kills, at random moments: `make blackout`.
"""

import time
from pathlib import Path

import pytest

from exact_assets_tests.trials.blackout import prepared


@pytest.mark.timeout(400)
def test_a_sync_that_was_under_way_when_everything_was_killed_is_done_after_the_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with prepared(tmp_path, seed=1) as blackout:
        control = blackout.place.simulator.control
        control.fault("slow", path="Accounts", division=blackout.place.divisions[0], value=300)
        control.forget_calls()
        # One that is killed before its process is known is given up after five minutes: not in this test.
        blackout.life_until(
            lambda: bool(control.calls(path="Accounts")) and blackout.statuses() <= {"STARTED", "QUEUED"}
        )
        control.clear_faults()
        began = time.monotonic()
        blackout.goes_on(has_log=False)
        assert time.monotonic() - began < 300
    assert blackout.kills.total() == 1
