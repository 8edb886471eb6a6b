"""A removal that is withheld, as people meet it: a failed run, a red check, a line of status, and a word."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exact_assets.catalogue.tables import tables
from exact_assets.control.open import Control
from exact_assets.selection.freshness import Level, judge_table
from exact_assets_tests.installation import Installation, installation

UNITS = "logistics_units"


def materialise(place: Installation, **config: object) -> None:
    place.command(
        *("asset", "materialize", "-m", "exact_assets.definitions", "--select", f'key:"exact/{UNITS}"'),
        *("--partition", f"{place.divisions[0]}|{datetime.now(UTC).year}"),
        *("--config-json", json.dumps({"ops": {f"exact__{UNITS}": {"config": config}}})),
        module="dagster",
        EXACT_TABLES=UNITS,
    )


def level(place: Installation) -> tuple[Level, str]:
    control, now = Control.open(place.config), datetime.now(UTC)
    found = judge_table(tables()[UNITS], place.divisions, control.attempts.read(), now=now)
    return found.level, " ".join(one.reason for one in found.findings)


@pytest.mark.long
@pytest.mark.timeout(200)
def test_a_withheld_removal_is_red_everywhere_until_it_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with installation(tmp_path, divisions=1, rows=100) as place:
        place.enable(*place.divisions)
        materialise(place, mode="auto")
        Control.open(place.config).attempts.expect(place.divisions, [UNITS], at=datetime.now(UTC))
        assert level(place) == (Level.FRESH, "")
        place.simulator.control.fault("rows_missing_counted", path="logistics/Units", times=None)
        with pytest.raises(AssertionError, match="not up to date"):
            materialise(place, mode="auto")
        found, reason = level(place)
        assert found is Level.STALE
        assert "`confirm: true`" in reason
        assert "would take away" in place.command("status", "--json", EXACT_TABLES=UNITS)
        materialise(place, mode="sweep", confirm=True)
        assert level(place) == (Level.FRESH, "")
