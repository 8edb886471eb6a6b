"""Purging: all that is kept of a division goes, and nothing else."""

import re
from dataclasses import replace

import pyarrow as pa

from exact_assets.cursors import SyncCursor
from exact_assets.stream import Chain, StreamState, Sweep, Verb
from exact_assets.warehouse.divisions import DivisionChoice, KnownDivision
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.engines import Place
from exact_assets_tests.warehouse.tables import ALL, KEYLESS, SYNC, guid, rows, step

HERE, ELSEWHERE, TENFOLD = 12, 34, 112


def fill(warehouse: Warehouse) -> None:
    warehouse.prepare(ALL)
    for division in (HERE, ELSEWHERE, TENFOLD):
        for table, key in ((SYNC, guid(1)), (KEYLESS, "a")):
            arrived = rows(table, {"id": key}, division=division)
            warehouse.store(table, division, step(Verb.UPSERT, arrived), expected_seq=0)
        warehouse.store(
            SYNC, division, step(Verb.STAGE, rows(SYNC, {"id": guid(2)}, division=division)), expected_seq=1
        )


def purge(warehouse: Warehouse, divisions: list[int]) -> dict[str, int]:
    """Purge table by table, as `selection.purge` does."""
    names = warehouse.names_holding(divisions, names=[table.name for table in ALL])
    return {name: warehouse.purge(name, divisions) for name in names}


def tables_with(place: Place, division: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in place.tables():
        if "division" not in {column for column, *_ in place.columns(name)}:
            continue
        [(count,)] = place.query(f'SELECT count(*) FROM exact."{name}" WHERE division = {division}')
        if count:
            found[name] = count
    return found


def test_rows_stages_and_states_of_a_division_go_and_those_of_others_stay(
    warehouse: Warehouse, place: Place
) -> None:
    fill(warehouse)
    others = {division: tables_with(place, division) for division in (ELSEWHERE, TENFOLD)}
    assert set(others[TENFOLD]) == {SYNC.name, KEYLESS.name, "_streams", f"_stage_{SYNC.name}_{TENFOLD}"}
    assert purge(warehouse, [HERE]) == {SYNC.name: 1, KEYLESS.name: 1}
    assert tables_with(place, HERE) == {}
    assert {division: tables_with(place, division) for division in (ELSEWHERE, TENFOLD)} == others
    assert warehouse.states(SYNC, [HERE])[HERE] == StreamState()


def test_nothing_is_left_of_a_division_that_is_being_swept_or_replaced(warehouse: Warehouse, place: Place) -> None:
    fill(warehouse)
    state = StreamState(cursor=SyncCursor(timestamp=1), sweep=Chain(link="next"), missing=(guid(9),))
    for division in (HERE, TENFOLD):
        for number, keys in enumerate(([guid(1), guid(2)], [guid(3)])):
            sweep = Sweep(keys=pa.table({"id": keys}), is_first=number == 0, is_last=False)
            step_ = replace(step(Verb.STAGE, rows(SYNC, division=division)), state=state, sweep=sweep)
            warehouse.store(SYNC, division, step_, expected_seq=2 + number)
    kept = {f"_sweep_{SYNC.name}_{TENFOLD}", f"_stage_{SYNC.name}_{TENFOLD}"}
    assert kept < set(place.tables())
    purge(warehouse, [HERE])
    aside = [name for name in place.tables() if re.fullmatch(rf"_(stage|sweep)_.*_{HERE}", name)]
    left = {name: place.query(f'SELECT count(*) FROM exact."{name}"')[0][0] for name in aside}
    assert not any(left.values())
    assert tables_with(place, HERE) == {}
    assert kept < set(place.tables())
    assert warehouse.names_holding([HERE], names=[table.name for table in ALL]) == ()


def test_a_purged_division_can_be_loaded_anew(warehouse: Warehouse) -> None:
    fill(warehouse)
    purge(warehouse, [HERE])
    again = warehouse.store(
        SYNC, HERE, step(Verb.UPSERT, rows(SYNC, {"id": guid(1)}, division=HERE)), expected_seq=0
    )
    assert again.changes.inserted == 1


def test_it_stays_in_the_selection_and_says_that_it_was_purged(warehouse: Warehouse) -> None:
    warehouse.refresh_divisions([KnownDivision(division=HERE, name="A"), KnownDivision(division=ELSEWHERE)])
    warehouse.note_purge([HERE], has_ended=True)
    assert warehouse.list_divisions() == (
        DivisionChoice(division=HERE, name="A", status="disabled: purged, nothing of it is left"),
        DivisionChoice(division=ELSEWHERE),
    )


def test_tables_that_a_user_made_are_left_alone(warehouse: Warehouse, place: Place) -> None:
    fill(warehouse)
    place.run(f"CREATE TABLE exact.notes AS SELECT {HERE} AS division, 'mine' AS note")
    purge(warehouse, [HERE])
    assert tables_with(place, HERE) == {"notes": 1}


def test_purging_where_there_is_nothing_does_nothing(warehouse: Warehouse, place: Place) -> None:
    assert purge(warehouse, [HERE]) == {}
    assert not place.is_made()
