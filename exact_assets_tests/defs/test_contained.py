"""What nobody foresaw in one division, as people meet it: a failed run that names it, and the others up to date."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from exact_assets.catalogue.tables import tables
from exact_assets.control.open import Control
from exact_assets.errors import UnforeseenError
from exact_assets.selection.freshness import Level, judge_table
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.one_warehouse import problems
from exact_assets_tests.warehouse.duckdb.plain import run as run_sql

UNITS = "logistics_units"
YEAR = datetime.now(UTC).year


def materialise(place: Installation) -> None:
    place.command(
        *("asset", "materialize", "-m", "exact_assets.definitions", "--select", f'key:"exact/{UNITS}"'),
        *("--partition-range", f"{place.divisions[0]}|{YEAR}...{place.divisions[-1]}|{YEAR}"),
        module="dagster",
        EXACT_TABLES=UNITS,
    )


def begin_at(place: Installation, division: int, *, started: str) -> None:
    """Store a chain that is under way since what is no moment, as no version has."""
    open_warehouse(f"duckdb:///{place.warehouse}").prepare([tables()[UNITS]])
    link = f"{place.simulator.base_url}/api/v1/{division}/logistics/Units?$select=ID"
    state = json.dumps({"load_seq": 1, "chain": {"link": link, "started": started, "pages": 1}})
    run_sql(
        place.warehouse,
        "INSERT INTO exact._streams (division, table_name, load_seq, state, updated_at) "
        f"VALUES ({division}, '{UNITS}', 1, '{state}', now())",
    )


@pytest.mark.long
@pytest.mark.timeout(200)
def test_a_run_of_three_divisions_fails_for_the_one_that_nobody_foresaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with installation(tmp_path, divisions=3, rows=100) as place:
        place.enable(*place.divisions)
        first, odd, last = place.divisions
        begin_at(place, odd, started="soon")
        with pytest.raises(AssertionError, match="ValueError: Invalid isoformat string: 'soon'"):
            materialise(place)
        with duckdb.connect(str(place.warehouse), read_only=True) as connection:
            found = connection.execute(f"SELECT DISTINCT division FROM exact.{UNITS} ORDER BY 1").fetchall()
        assert found == [(first,), (last,)]
        control, now = Control.open(place.config), datetime.now(UTC)
        attempts = control.attempts.read()
        assert attempts[odd][UNITS].error_is(UnforeseenError)
        assert [attempts[division][UNITS].error for division in (first, last)] == [None, None]
        control.attempts.expect(place.divisions, [UNITS], at=now)
        run_sql(place.warehouse, f"DELETE FROM exact._streams WHERE division = {odd}")
        materialise(place)
        assert problems(place, UNITS) == {}
        assert (
            judge_table(tables()[UNITS], place.divisions, control.attempts.read(), now=datetime.now(UTC)).level
            is Level.FRESH
        )


@pytest.mark.long
def test_a_state_that_cannot_be_read_fails_its_own_stream_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with installation(tmp_path, divisions=2, rows=100) as place:
        place.enable(*place.divisions)
        materialise(place)
        odd = place.divisions[-1]
        run_sql(place.warehouse, f"UPDATE exact._streams SET state = '[' WHERE division = {odd}")
        for division in place.divisions:
            place.simulator.control.insert("logistics/Units", division, count=2)
        with pytest.raises(
            AssertionError, match=rf"{odd}: {UNITS} of division {odd}: its state in exact\._streams"
        ):
            materialise(place)
        assert set(problems(place, UNITS)) == {f"{UNITS} {odd}"}
        run_sql(place.warehouse, f"DELETE FROM exact._streams WHERE division = {odd}")
        materialise(place)
        assert problems(place, UNITS) == {}
