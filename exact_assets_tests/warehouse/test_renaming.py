"""What an earlier version made under other names is renamed where it is, whatever was interrupted, and read on."""

from collections.abc import Collection, Iterable, Iterator
from uuid import UUID

import msgspec
import pytest

from exact_assets.catalogue.renames import former_columns, former_tables
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables as catalogue
from exact_assets.errors import WarehouseError
from exact_assets.stream import RemovalKind, StreamState, Withheld
from exact_assets.warehouse.prepare import missing
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.conftest import Stream, Streams
from exact_assets_tests.warehouse.engines import Place
from exact_assets_tests.warehouse.tables import DIVISION, guid


def _covering(tables: Iterable[Table]) -> Iterator[Table]:
    """Yield the tables that had another name, and of the others as many as have all columns that had."""
    seen: set[str] = set()
    for table in tables:
        columns = former_columns(table).keys()
        if former_tables(table.name) or columns - seen:
            seen |= columns
            yield table


RENAMED = tuple(_covering(sorted(catalogue().values(), key=lambda table: len(table.columns))))
CENTERS = catalogue()["manufacturing_work_centers"]
FORMER = "manufacturing_workcenters"


def age(place: Place, tables: Iterable[Table]) -> None:
    """Give what is there the names that the first versions gave."""
    there = place.tables()
    place.run("; ".join(statement for table in tables for statement in _aging(table, there)))


def _aging(table: Table, there: Collection[str]) -> Iterator[str]:
    former = next(iter(former_tables(table.name)), table.name)
    for name in (table.name, f"_stage_{table.name}_{DIVISION}"):
        if name in there:
            for column, now in former_columns(table).items():
                yield f'ALTER TABLE exact."{name}" RENAME COLUMN "{now}" TO "{column}"'
            if former != table.name:
                yield f'ALTER TABLE exact."{name}" RENAME TO "{name.replace(table.name, former)}"'
    if former != table.name:
        yield f"UPDATE exact._streams SET table_name = '{former}' WHERE table_name = '{table.name}'"
        yield f"UPDATE exact._streams SET state = replace(state, '\"{table.name}\"', '\"{former}\"')"


def age_view(place: Place, table: Table, former: str) -> None:
    """Let the view of live rows be that of an earlier version."""
    columns = [name for name, *_ in place.columns(former) if name != "deleted_at"]
    place.run(f'DROP VIEW exact_live."{table.name}"')
    place.run(f'CREATE VIEW exact_live."{former}" AS SELECT {", ".join(columns)} FROM exact."{former}"')


@pytest.mark.long
def test_every_table_and_column_that_had_another_name_gets_todays(warehouse: Warehouse, place: Place) -> None:
    warehouse.prepare(RENAMED)
    before = {table.name: place.columns(table.name) for table in RENAMED}
    comments, keys = place.tables(), place.primary_keys()
    age(place, RENAMED)
    assert len(place.tables().keys() - comments.keys()) >= 10
    # Of whatever is asked for: what the deletion log names must be found in all of them.
    warehouse.prepare(())
    assert {table.name: place.columns(table.name) for table in RENAMED} == before
    assert (place.tables(), place.primary_keys()) == (comments, keys)


def loaded(place: Place, *, is_soft: bool = False) -> Stream:
    """Load a table, with rows kept aside and an answer withheld, under the names of an earlier version."""
    stream = Stream(place.open(is_soft=is_soft), place, CENTERS)
    stream.upsert({"id": guid(1), "cost_center": "A", "cost_unit": "B", "code": "W"})
    stream.stage({"id": guid(2), "cost_center": "C"})
    withheld = Withheld(by=RemovalKind.REPLACE, table=CENTERS.name, rows=5, of=5)
    state = stream.warehouse.states(CENTERS, [DIVISION])[DIVISION]
    _write(place, state, withheld)
    age(place, [CENTERS])
    if is_soft:
        age_view(place, CENTERS, FORMER)
    return stream


def _write(place: Place, state: StreamState, withheld: Withheld) -> None:
    text = msgspec.json.encode(msgspec.structs.replace(state, withheld=withheld)).decode()
    place.run(f"UPDATE exact._streams SET state = '{text}'")


def check(stream: Stream) -> None:
    """Check that rows, stage and state are as loaded, under today's names, and that loading goes on."""
    assert stream.read("id, cost_center, cost_unit, code") == [(_uuid(1), "A", "B", "W")]
    state = stream.warehouse.states(CENTERS, [DIVISION])[DIVISION]
    assert state.load_seq == stream.load_seq
    assert state.withheld is not None
    assert state.withheld.table == CENTERS.name
    assert FORMER not in str(stream.place.query("SELECT table_name, state FROM exact._streams"))
    assert not [name for name in stream.place.tables() if FORMER in name]
    stream.replace({"id": guid(3), "cost_center": "D"})
    kept = "SELECT id, cost_center FROM exact.manufacturing_work_centers WHERE deleted_at IS NULL ORDER BY id"
    assert stream.place.query(kept) == [(_uuid(2), "C"), (_uuid(3), "D")]
    assert stream.warehouse.row_count(CENTERS) == 2


def _uuid(number: int) -> object:
    return UUID(guid(number))


@pytest.mark.parametrize("is_soft", [False, True])
def test_rows_stages_states_and_views_go_with_their_table(place: Place, is_soft: bool) -> None:
    stream = loaded(place, is_soft=is_soft)
    place.open(is_soft=is_soft).prepare(())
    if is_soft:
        assert place.query(f"SELECT cost_center FROM exact_live.{CENTERS.name}") == [("A",)]
        with pytest.raises(Exception, match=FORMER):
            place.query(f"SELECT 1 FROM exact_live.{FORMER}")
    check(stream)


@pytest.mark.parametrize("first", [1, 2])
def test_kills_between_statements_lose_nothing(place: Place, first: int) -> None:
    """As on an engine that commits each statement by itself. Each try ends a statement later than that before."""
    stream, tries = loaded(place, is_soft=True), 0
    with place.engine().connection() as connection, connection.opened(is_read_only=False):
        while statements := [one for part in missing(connection, [CENTERS], is_soft=True) for one in part]:
            for statement in statements[: first + tries]:
                connection.run(statement)
            tries += 1
    assert tries >= 4
    assert place.query(f"SELECT cost_center FROM exact_live.{CENTERS.name}") == [("A",)]
    check(stream)


def test_what_an_earlier_version_wrote_since_under_former_names_is_taken_over(stream: Streams) -> None:
    lines = stream(catalogue()["financialtransaction_transaction_lines"])
    lines.upsert(
        {"id": guid(1), "timestamp": 1, "amount_vat_fc": 1}, {"id": guid(2), "timestamp": 2, "amount_vat_fc": 2}
    )
    place, name = stream.place, lines.table.name
    # It adds the column that it misses, and writes into that one.
    place.run(f"ALTER TABLE exact.{name} ADD COLUMN amount_vatfc DECIMAL(38, 10)")
    place.run(f"UPDATE exact.{name} SET amount_vatfc = 7 WHERE id = '{guid(2)}'")
    lines.warehouse.prepare(())
    assert lines.read("amount_vat_fc") == [(1,), (7,)]
    assert "amount_vatfc" not in {column for column, *_ in place.columns(name)}


def test_a_table_that_an_earlier_version_made_anew_stays_beside_todays(place: Place) -> None:
    stream = loaded(place)
    stream.warehouse.prepare(())
    place.run(f"CREATE TABLE exact.{FORMER} AS SELECT * FROM exact.{CENTERS.name}")
    place.run(
        "INSERT INTO exact._streams (table_name, division, load_seq, cursor, floor, state, updated_at) "
        f"SELECT '{FORMER}', division, load_seq, cursor, floor, state, updated_at FROM exact._streams"
    )
    stream.warehouse.prepare([CENTERS])
    assert FORMER in place.tables()
    assert stream.warehouse.states(CENTERS, [DIVISION])[DIVISION].load_seq == stream.load_seq


def test_a_users_own_table_and_column_of_a_former_name_are_left_alone(stream: Streams) -> None:
    contacts = stream(catalogue()["crm_contacts"])
    contacts.upsert({"id": guid(1), "timestamp": 1, "email": "x@example.com"})
    stream.place.run("ALTER TABLE exact.crm_contacts ADD COLUMN e_mail VARCHAR DEFAULT 'mine'")
    stream.place.run("CREATE TABLE exact.hrm_costcenters (mine INTEGER)")
    contacts.warehouse.prepare([contacts.table])
    assert contacts.read("email, e_mail") == [("x@example.com", "mine")]
    assert "hrm_costcenters" in stream.place.tables()


def test_an_index_that_keeps_a_table_from_its_name_is_an_error_that_says_what_to_do(place: Place) -> None:
    """Where an engine renames what is indexed, there is none."""
    stream = loaded(place)
    place.run(f"CREATE INDEX mine ON exact.{FORMER} (code)")
    try:
        stream.warehouse.prepare(())
    except WarehouseError as error:
        assert "Drop indexes of your own" in str(error)  # noqa: PT017 - not every engine raises it
        place.run("DROP INDEX exact.mine")
        stream.warehouse.prepare(())
    check(stream)
