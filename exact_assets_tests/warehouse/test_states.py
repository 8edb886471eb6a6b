"""States, counts and batches of streams."""

import msgspec
import pytest

from exact_assets.cursors import SyncCursor
from exact_assets.errors import LoadSupersededError
from exact_assets.stream import Chain, Changes, Step, Stored, StreamState, Verb
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.conftest import Streams
from exact_assets_tests.warehouse.engines import Place
from exact_assets_tests.warehouse.tables import DIVISION, SNAPSHOT, SYNC, guid, rows, step


def test_a_warehouse_that_is_not_there_has_empty_states_and_counts(warehouse: Warehouse, place: Place) -> None:
    assert warehouse.states(SYNC, [1, 2]) == {1: StreamState(), 2: StreamState()}
    assert warehouse.row_counts(SYNC, [1]) == {1: {}}
    assert not place.is_made()


def test_states_come_back_as_they_were_stored(stream: Streams) -> None:
    accounts = stream(SYNC)
    state = StreamState(
        cursor=SyncCursor(timestamp=11386558735, floor=11386558000),
        start_year=2021,
        years=(2021, 2022),
        chain=Chain(link="https://host/it's?$skiptoken=1", newest=(3, 2), pages=7),
        reload_id='a "backfill"',
    )
    accounts.store(Step(verb=Verb.UPSERT, rows=accounts.rows(), state=state))
    states = accounts.warehouse.states(SYNC, [DIVISION, 2])
    assert states[DIVISION] == msgspec.structs.replace(state, load_seq=1)
    assert states[2] == StreamState()


def test_the_cursor_can_be_read_with_plain_sql(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.store(step(Verb.UPSERT, accounts.rows(), cursor=42))
    assert stream.place.query("SELECT division, table_name, load_seq, cursor FROM exact._streams") == [
        (DIVISION, "crm_accounts", 1, "42")
    ]


def test_rows_are_counted_by_division_and_year(warehouse: Warehouse) -> None:
    warehouse.prepare([SYNC])
    for division in (1, 2):
        values = [{"id": guid(n), "timestamp": n, "_year": year} for n, year in enumerate([2025, 2025, None])]
        arrived = rows(SYNC, *values[: 4 - division], division=division)
        warehouse.store(SYNC, division, step(Verb.UPSERT, arrived), expected_seq=0)
    assert warehouse.row_counts(SYNC, [1, 2, 3]) == {1: {2025: 2, None: 1}, 2: {2025: 2}, 3: {}}


def test_tables_have_states_of_their_own(stream: Streams) -> None:
    accounts, codes = stream(SYNC), stream(SNAPSHOT)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    codes.replace({"id": 1})
    codes.replace({"id": 1})
    assert accounts.warehouse.states(SYNC, [DIVISION])[DIVISION].load_seq == 1
    assert accounts.warehouse.states(SNAPSHOT, [DIVISION])[DIVISION].load_seq == 2


def test_a_batch_answers_each_step_by_itself(warehouse: Warehouse) -> None:
    warehouse.prepare([SYNC])
    one = {"id": guid(1), "timestamp": 1, "_year": 2026}
    batch = [
        (division, step(Verb.UPSERT, rows(SYNC, one, division=division)), 3 if division == 2 else 0)
        for division in (1, 2, 3)
    ]
    answers = warehouse.store_many(SYNC, batch)
    stored = Stored(load_seq=1, changes=Changes(inserted=1, years={2026: 1}))
    assert answers[0] == answers[2] == stored
    assert isinstance(answers[1], LoadSupersededError)
    assert {division: state.load_seq for division, state in warehouse.states(SYNC, [1, 2, 3]).items()} == {
        1: 1,
        2: 0,
        3: 1,
    }


def test_a_batch_keeps_the_order_of_a_streams_steps(warehouse: Warehouse) -> None:
    warehouse.prepare([SNAPSHOT])
    batch = [(1, step(Verb.UPSERT, rows(SNAPSHOT, {"id": 1, "value": str(n)}, division=1)), n) for n in range(5)]
    answers = warehouse.store_many(SNAPSHOT, batch)
    assert [answer.load_seq for answer in answers if isinstance(answer, Stored)] == [1, 2, 3, 4, 5]


@pytest.mark.long
@pytest.mark.parametrize("count", [0, 1, 300])
def test_a_batch_may_have_any_number_of_steps(warehouse: Warehouse, place: Place, count: int) -> None:
    warehouse.prepare([SNAPSHOT])
    batch = [
        (division, step(Verb.REPLACE, rows(SNAPSHOT, {"id": 1}, division=division)), 0) for division in range(count)
    ]
    assert len(warehouse.store_many(SNAPSHOT, batch)) == count
    assert place.query("SELECT count(*) FROM exact.vat_vat_codes") == [(count,)]


def test_all_states_of_some_divisions_come_with_one_question(stream: Streams) -> None:
    accounts, codes = stream(SYNC), stream(SNAPSHOT)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    codes.replace({"id": 1})
    warehouse = accounts.warehouse
    assert warehouse.states_of([DIVISION, 2]) == {
        DIVISION: {
            SYNC.name: warehouse.states(SYNC, [DIVISION])[DIVISION],
            SNAPSHOT.name: warehouse.states(SNAPSHOT, [DIVISION])[DIVISION],
        },
        2: {},
    }
    assert warehouse.states_of([]) == {}


def test_all_states_of_a_warehouse_that_is_not_there_are_none(warehouse: Warehouse, place: Place) -> None:
    assert warehouse.states_of([1]) == {1: {}}
    assert not place.is_made()
