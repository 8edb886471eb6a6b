"""The outbox: rows that people add come in order, each ends once, and what was edited meanwhile stays as it is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.errors import OutboxError
from exact_assets.warehouse.outbox import OutboxRow, RowEnd, RowStatus
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.engines import Place

NOW = datetime.now(UTC) + timedelta(seconds=5)
INSERT = "INSERT INTO exact.document_outbox (id, division, operation, fields) VALUES "
REMADE = "CREATE TABLE exact.mine AS SELECT * FROM exact.document_outbox; DROP TABLE exact.document_outbox; "


@pytest.fixture
def outbox(warehouse: Warehouse) -> Warehouse:
    warehouse.prepare_outbox()
    return warehouse


def due(outbox: Warehouse, division: str | None = "7", *, now: datetime = NOW) -> Sequence[OutboxRow]:
    return outbox.next_rows(division, now=now, limit=10)


def done(row: OutboxRow) -> RowEnd:
    return RowEnd(
        status=RowStatus.DONE, attempts=row.attempts, document_id="a", document_url="http://x", at=NOW, error=None
    )


def test_there_is_none_before_it_is_made_and_it_is_made_once(warehouse: Warehouse, place: Place) -> None:
    assert warehouse.due_rows(now=NOW) is None
    warehouse.prepare(())
    assert warehouse.due_rows(now=NOW) is None
    warehouse.prepare_outbox()
    assert warehouse.due_rows(now=NOW) == {}
    before = place.content()
    warehouse.prepare_outbox()
    assert place.content() == before
    assert place.primary_keys()["document_outbox"] == ("id",)


def test_a_row_gets_a_name_a_time_and_a_status_by_itself(outbox: Warehouse, place: Place) -> None:
    place.run("INSERT INTO exact.document_outbox (division, operation) VALUES (7, 'create'), (7, 'create')")
    one, two = due(outbox)
    assert one.id != two.id
    assert (len(one.id or ""), one.status, one.replace_file, one.attempts) == (36, "waiting", "false", 0)
    assert one.created_at is not None


def test_rows_come_in_their_order_by_division(outbox: Warehouse, place: Place) -> None:
    place.run(INSERT + "('b', 7, 'create', '{}'), ('a', 8, 'create', NULL)")
    place.run(INSERT + "('a2', 7, 'update', '{}'), ('n', NULL, NULL, NULL)")
    place.run("UPDATE exact.document_outbox SET created_at = '2026-01-01 00:00:00+00' WHERE id = 'a2'")
    assert outbox.due_rows(now=NOW) == {"7": 2, "8": 1, None: 1}
    assert [row.id for row in due(outbox)] == ["a2", "b"]
    assert [row.id for row in outbox.next_rows("7", now=NOW, limit=1)] == ["a2"]
    assert [row.id for row in due(outbox, None)] == ["n"]


def test_rows_of_one_insert_come_as_they_stand_there(outbox: Warehouse, place: Place) -> None:
    names = ["9", "b", "1", "a", "5"]
    place.run(INSERT + ", ".join(f"('{name}', 7, 'create', '{{}}')" for name in names))
    assert [row.id for row in due(outbox)] == names


@pytest.mark.parametrize("status", ["done", "failed", " DONE ", "Failed"])
def test_what_has_ended_is_not_due(outbox: Warehouse, place: Place, status: str) -> None:
    place.run(INSERT + "('a', 7, 'create', '{}')")
    place.run(f"UPDATE exact.document_outbox SET status = '{status}'")
    assert outbox.due_rows(now=NOW) == {}


@pytest.mark.parametrize("status", ["NULL", "''", "'waiting'", "'on hold'"])
def test_what_has_not_ended_is_due(outbox: Warehouse, place: Place, status: str) -> None:
    place.run(INSERT + "('a', 7, 'create', '{}')")
    place.run(f"UPDATE exact.document_outbox SET status = {status}")
    assert outbox.due_rows(now=NOW) == {"7": 1}


def test_a_row_waits_until_the_moment_that_it_names(outbox: Warehouse, place: Place) -> None:
    place.run(INSERT + "('a', 7, 'create', '{}'), ('b', 7, 'create', '{}'), ('c', 8, 'create', '{}')")
    later = NOW + timedelta(hours=1)
    (row, _) = due(outbox)
    begun = outbox.begin_row(row)
    assert begun is not None
    waits = RowEnd(status=RowStatus.WAITING, attempts=1, error="Not now.", retry_at=later)
    assert outbox.end_row(begun, waits)
    assert [one.id for one in due(outbox)] == ["b"]
    assert {one.id: one.attempts for one in due(outbox, now=later)} == {"a": 1, "b": 0}
    outbox.postpone_rows(["7"], now=NOW, until=later, why="The day's calls are used.")
    assert outbox.due_rows(now=NOW) == {"8": 1}
    outbox.postpone_rows(None, now=NOW, until=later, why="No connection.")
    assert outbox.due_rows(now=NOW) == {}
    told = place.query("SELECT id, error, attempts FROM exact.document_outbox ORDER BY id")
    assert told == [("a", "Not now.", 1), ("b", "The day's calls are used.", 0), ("c", "No connection.", 0)]


def test_an_end_is_written_to_its_row_alone(outbox: Warehouse, place: Place) -> None:
    place.run(INSERT + "('a', 7, 'create', '{}'), ('b', 7, 'create', '{}')")
    row = outbox.begin_row(due(outbox)[0])
    assert row is not None
    assert row.attempts == 1
    assert outbox.end_row(row, done(row))
    columns = "id, status, attempts, document_id, document_url, error, finished_at IS NULL, retry_at IS NULL"
    told = place.query(f"SELECT {columns} FROM exact.document_outbox ORDER BY id")
    assert told == [
        ("a", "done", 1, "a", "http://x", None, False, True),
        ("b", "waiting", 0, None, None, None, True, True),
    ]


@pytest.mark.parametrize("edit", ["fields = '{\"a\": 1}'", "division = 8", "operation = NULL", "status = 'failed'"])
def test_what_a_person_edits_meanwhile_is_not_overwritten(outbox: Warehouse, place: Place, edit: str) -> None:
    place.run(INSERT + "('a', 7, 'create', '{}')")
    row = outbox.begin_row(due(outbox)[0])
    assert row is not None
    place.run(f"UPDATE exact.document_outbox SET {edit}")
    assert not outbox.end_row(row, done(row))
    assert outbox.begin_row(row) is None
    assert place.query("SELECT attempts, document_id FROM exact.document_outbox") == [(1, None)]


def test_a_row_that_a_person_deletes_does_not_come_back(outbox: Warehouse, place: Place) -> None:
    place.run(INSERT + "('a', 7, 'create', '{}')")
    (row,) = due(outbox)
    place.run("DELETE FROM exact.document_outbox")
    assert outbox.begin_row(row) is None
    assert not outbox.end_row(row, done(row))
    assert place.query("SELECT count(*) FROM exact.document_outbox") == [(0,)]


def test_rows_that_are_alike_end_one_by_one_where_there_is_no_key(outbox: Warehouse, place: Place) -> None:
    place.run(INSERT + "('a', 7, 'create', '{}')")
    place.run(REMADE + "CREATE TABLE exact.document_outbox AS SELECT * FROM exact.mine")
    place.run("INSERT INTO exact.document_outbox SELECT * FROM exact.mine")
    place.run("INSERT INTO exact.document_outbox (division) VALUES (7)")
    for left in (3, 2, 1):
        assert outbox.due_rows(now=NOW) == {"7": left}
        row = outbox.begin_row(due(outbox)[0])
        assert row is not None
        assert outbox.end_row(row, done(row))
    assert outbox.due_rows(now=NOW) == {}


def test_a_table_that_was_made_anew_of_texts_is_read_and_written(outbox: Warehouse, place: Place) -> None:
    place.run(
        REMADE + "CREATE TABLE exact.document_outbox (id VARCHAR, division VARCHAR, operation VARCHAR, "
        "search VARCHAR, fields VARCHAR, file VARCHAR, status VARCHAR, attempts VARCHAR)"
    )
    outbox.prepare_outbox()
    place.run("INSERT INTO exact.document_outbox (id, division, attempts) VALUES ('a', 'seven', 'many')")
    assert outbox.due_rows(now=NOW) == {"seven": 1}
    row = outbox.begin_row(due(outbox, "seven")[0])
    assert row is not None
    assert outbox.end_row(row, replace(done(row), status=RowStatus.FAILED))
    told = place.query("SELECT status, attempts, finished_at IS NULL FROM exact.document_outbox")
    assert told == [("failed", "1", False)]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("ALTER TABLE exact.document_outbox DROP COLUMN fields", "lacks a column that is needed .fields."),
        (REMADE + "CREATE VIEW exact.document_outbox AS SELECT * FROM exact.mine", "is a view"),
    ],
)
def test_a_table_that_cannot_be_worked_with_is_told_of(
    outbox: Warehouse, place: Place, edit: str, told: str
) -> None:
    place.run(edit)
    outbox.prepare_outbox()
    with pytest.raises(OutboxError, match=told):
        outbox.due_rows(now=NOW)
    with pytest.raises(OutboxError, match=told):
        outbox.postpone_rows(None, now=NOW, until=NOW, why="x")


def test_a_status_that_takes_no_text_is_told_of_and_not_taken_for_one(outbox: Warehouse, place: Place) -> None:
    place.run(REMADE + "CREATE TABLE exact.document_outbox AS SELECT * FROM exact.mine")
    place.run("ALTER TABLE exact.document_outbox DROP COLUMN status")
    place.run("ALTER TABLE exact.document_outbox ADD COLUMN status BOOLEAN")
    place.run("INSERT INTO exact.document_outbox (id, division, status) VALUES ('a', 7, false)")
    outbox.prepare_outbox()
    (row,) = due(outbox)
    assert row.status == "false"
    with pytest.raises(OutboxError, match="cannot be read or written"):
        outbox.end_row(row, done(row))


def test_a_longer_value_than_a_column_takes_is_refused_and_not_cut(outbox: Warehouse, place: Place) -> None:
    place.run("DROP TABLE exact.document_outbox")
    place.run(
        "CREATE TABLE exact.document_outbox (id VARCHAR, division INTEGER, operation VARCHAR, search VARCHAR, "
        "fields VARCHAR, file VARCHAR, status VARCHAR(3) CHECK (length(status) < 4))"
    )
    outbox.prepare_outbox()
    place.run("INSERT INTO exact.document_outbox (id, division) VALUES ('a', 7)")
    (row,) = due(outbox)
    with pytest.raises(OutboxError, match="cannot be read or written"):
        outbox.end_row(row, done(row))
    assert place.query("SELECT status FROM exact.document_outbox") == [(None,)]
