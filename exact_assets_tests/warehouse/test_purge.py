"""Purging: all that is kept of a division goes, and nothing else."""

from exact_assets.stream import StreamState, Verb
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
