"""STAGE and REPLACE: a slice becomes what was read, as a difference, however many steps it took."""

import pytest

from exact_assets.catalogue.table import Table
from exact_assets.stream import Changes, StreamState, Verb
from exact_assets_tests.warehouse import tables
from exact_assets_tests.warehouse.conftest import Streams
from exact_assets_tests.warehouse.tables import COMPOSITE, DIVISION, KEYLESS, SNAPSHOT, SYNC, guid


def row(number: int, timestamp: int, year: int | None = 2026, value: str = "") -> dict[str, object]:
    return {"id": guid(number), "timestamp": timestamp, "_year": year, "value": value}


def test_a_replace_counts_and_writes_only_the_differences(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(row(1, 1, value="same"), row(2, 2, value="old"), row(3, 3, value="gone"))
    (same,) = accounts.read("_loaded_at, id::VARCHAR")[:1]
    changes = accounts.replace(row(1, 1, value="same"), row(2, 2, value="new"), row(4, 4, value="come"))
    assert changes == Changes(inserted=1, updated=1, deleted=1, years={2026: 3})
    assert accounts.read("value") == [("come",), ("new",), ("same",)]
    assert same in accounts.read("_loaded_at, id::VARCHAR")


def test_a_replace_by_the_same_rows_changes_nothing(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(row(1, 1), row(2, 2, year=None))
    before = accounts.read("*")
    assert accounts.replace(row(2, 2, year=None), row(1, 1)) == Changes()
    assert accounts.read("*") == before


def test_a_replace_of_years_leaves_other_years_alone(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(row(1, 1, 2024), row(2, 2, 2025), row(3, 3, 2026), row(4, 4, None))
    assert accounts.replace(years=(2024, 2025)) == Changes(deleted=2, years={2024: 1, 2025: 1})
    assert accounts.read("_year") == [(2026,), (None,)]


def test_an_empty_slice_empties_the_division_only(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(row(1, 1))
    theirs = tables.step(Verb.UPSERT, tables.rows(SYNC, row(1, 1), division=2))
    accounts.warehouse.store(SYNC, 2, theirs, expected_seq=0)
    assert accounts.replace().deleted == 1
    assert accounts.read("division") == [(2,)]


def test_a_row_that_moved_into_the_slice_replaces_its_old_self(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(row(1, 1, 2025))
    assert accounts.replace(row(1, 2, 2026), years=(2026, 2026)) == Changes(updated=1, years={2025: 1, 2026: 1})
    assert accounts.read("_year") == [(2026,)]


def test_a_row_that_left_the_slice_since_stays_where_it_is(stream: Streams) -> None:
    """Its newer version came before the slice was read from a copy that lags."""
    accounts = stream(SYNC)
    accounts.upsert(row(1, 5, 2025))
    assert accounts.replace(row(1, 4, 2026), years=(2026, 2026)) == Changes()
    assert accounts.read("_year, timestamp") == [(2025, 5)]


def test_a_replace_takes_lower_versions_for_true(stream: Streams) -> None:
    """Timestamps begin anew where Exact moves a division to another server."""
    accounts = stream(SYNC)
    accounts.upsert(row(1, 900, value="before the move"))
    accounts.replace(row(1, 3, value="after"))
    assert accounts.read("timestamp, value") == [(3, "after")]


def test_staged_rows_are_not_seen_before_the_replace(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(row(1, 1))
    assert accounts.stage(row(2, 2)) == Changes()
    assert accounts.read("id::VARCHAR") == [(guid(1),)]
    assert accounts.replace(row(3, 3)) == Changes(inserted=2, deleted=1, years={2026: 3})
    assert accounts.read("id::VARCHAR") == [(guid(2),), (guid(3),)]


def test_doubles_between_staged_steps_are_brought_down_to_the_newest(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.stage(row(1, 5, value="newest"), row(2, 1, value="a"))
    accounts.stage(row(1, 4, value="older"))
    accounts.replace(row(2, 1, value="later of equals"))
    assert accounts.read("value") == [("later of equals",), ("newest",)]


def test_nothing_of_the_stage_is_left_after_the_replace(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.stage(row(1, 1))
    accounts.replace()
    stages = [name for name in stream.place.tables() if name.startswith("_stage")]
    if accounts.place.engine().dialect.has_transactional_ddl:
        assert stages == []
    assert [stream.place.query(f"SELECT * FROM exact.{name}") for name in stages] == [[]] * len(stages)


def test_an_upsert_gives_up_what_was_staged(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.stage(row(1, 1))
    accounts.upsert()
    accounts.stage(row(2, 2))
    accounts.replace()
    assert accounts.read("id::VARCHAR") == [(guid(2),)]


def test_a_stage_left_by_a_stream_whose_state_was_deleted_is_given_up(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.stage(row(1, 1))
    stream.place.run("DELETE FROM exact._streams")
    accounts.load_seq = 0
    accounts.stage(row(2, 2))
    accounts.replace()
    assert accounts.read("id::VARCHAR") == [(guid(2),)]


def test_streams_stage_apart(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.stage(row(1, 1))
    theirs = tables.step(Verb.REPLACE, tables.rows(SYNC, row(7, 7), division=2))
    accounts.warehouse.store(SYNC, 2, theirs, expected_seq=0)
    accounts.replace()
    assert accounts.read("division, id::VARCHAR") == [(2, guid(7)), (DIVISION, guid(1))]


def test_a_stage_keeps_its_state(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.stage(row(1, 1))
    state = accounts.warehouse.states(SYNC, [DIVISION])[DIVISION]
    assert state.chain is not None
    assert state.chain.link == "next"
    assert state.load_seq == 1


def test_rows_without_a_key_are_compared_as_a_whole(stream: Streams) -> None:
    reasons = stream(KEYLESS)
    a, b = {"id": "a", "value": "1"}, {"id": "b", "value": None}
    reasons.replace(a, b, b)
    before = reasons.read("*")
    assert reasons.replace(b, a, b) == Changes()
    assert reasons.read("*") == before
    assert reasons.replace(a, b) == Changes(inserted=2, deleted=3, years={None: 5})
    assert reasons.read("id") == [("a",), ("b",)]


def test_rows_without_a_key_can_be_staged(stream: Streams) -> None:
    reasons = stream(KEYLESS)
    reasons.stage({"id": "a", "_year": 2025}, {"id": "a", "_year": 2025})
    assert reasons.replace({"id": "b", "_year": 2026}).inserted == 3
    assert reasons.replace({"id": "c", "_year": 2026}, years=(2026, 2026)).deleted == 1
    assert reasons.read("id") == [("a",), ("a",), ("c",)]


@pytest.mark.parametrize("table", [SNAPSHOT, COMPOSITE], ids=lambda table: table.name)
def test_every_kind_of_key_can_be_replaced(stream: Streams, table: Table) -> None:
    balances = stream(table)
    keys = [{"id": n if table is SNAPSHOT else guid(n), "period": n} for n in (1, 2, 3)]
    first, second, third = ({name: key[name] for name in table.key} for key in keys)
    balances.stage({**first, "value": "a"})
    balances.replace({**second, "value": "b"})
    changes = balances.replace({**second, "value": "B"}, {**third, "value": "c"})
    assert changes == Changes(inserted=1, updated=1, deleted=1, years={None: 3})
    assert balances.read("value") == [("B",), ("c",)]


def test_a_dropped_table_is_made_again_with_empty_streams(stream: Streams) -> None:
    """Whoever drops a table wants it loaded again: a cursor without rows would lose them for good."""
    accounts = stream(SYNC)
    accounts.stage(row(1, 1))
    stream.place.run("DROP TABLE exact.crm_accounts")
    accounts.warehouse.prepare([SYNC])
    assert accounts.warehouse.states(SYNC, [DIVISION]) == {DIVISION: StreamState()}
    accounts.load_seq = 0
    accounts.replace(row(2, 2))
    assert accounts.read("id::VARCHAR") == [(guid(2),)]
