"""Statements of others: their rows by name, None where a table is not there, and nothing written."""

import pyarrow as pa
import pytest

from exact_assets.errors import WarehouseError
from exact_assets.stream import Verb
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets_tests.warehouse.engines import Place
from exact_assets_tests.warehouse.tables import DIVISION, SYNC, guid, rows, step

COUNT = Query(statement=f"SELECT division, count(*) AS found FROM exact.{SYNC.name} GROUP BY division")


def opened(place: Place, *, has_row: bool = True) -> Warehouse:
    warehouse = place.open()
    if has_row:
        warehouse.prepare([SYNC])
        row = step(Verb.UPSERT, rows(SYNC, {"id": guid(1), "timestamp": 1}))
        warehouse.store(SYNC, DIVISION, row, expected_seq=0)
    return warehouse


def test_rows_come_by_the_names_of_their_columns(place: Place) -> None:
    assert opened(place).query([COUNT]) == [[{"division": DIVISION, "found": 1}]]


def test_a_table_that_is_not_there_is_none_and_the_others_are_answered(place: Place) -> None:
    lacking = Query(statement="SELECT 1 AS one FROM exact.nowhere")
    other_schema = Query(statement="SELECT 1 AS one FROM nowhere.nothing")
    first, second, third = opened(place).query([lacking, COUNT, other_schema])
    assert (first, third) == (None, None)
    assert second == [{"division": DIVISION, "found": 1}]


def test_a_warehouse_that_was_never_made_has_no_tables_and_is_not_made(place: Place) -> None:
    assert opened(place, has_row=False).query([COUNT, COUNT]) == [None, None]
    assert not place.is_made()


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT nothing_like_it(division) FROM exact.{SYNC.name}",
        f"SELECT cast(division AS NOTHING_LIKE_IT) FROM exact.{SYNC.name}",
        f"SELECT nothing_like_it FROM exact.{SYNC.name}",
        f"SELEC division FROM exact.{SYNC.name}",
    ],
)
def test_a_statement_that_is_wrong_is_an_error_and_not_a_table_that_is_not_there(
    place: Place, statement: str
) -> None:
    warehouse = opened(place)
    with pytest.raises(WarehouseError):
        warehouse.query([Query(statement=statement)])
    assert warehouse.query([COUNT]) == [[{"division": DIVISION, "found": 1}]]


@pytest.mark.parametrize(
    "statement",
    [f"DELETE FROM exact.{SYNC.name}", f"DROP TABLE exact.{SYNC.name}", "CREATE TABLE exact.mine (value INTEGER)"],
)
def test_nothing_can_be_written(place: Place, statement: str) -> None:
    warehouse = opened(place)
    with pytest.raises(WarehouseError, match="read-only"):
        warehouse.query([Query(statement=statement)])
    assert warehouse.query([COUNT]) == [[{"division": DIVISION, "found": 1}]]


def test_rows_that_are_given_can_be_read_beside_those_in_the_warehouse(place: Place) -> None:
    given = pa.table({"division": pa.array([DIVISION, 7], pa.int32()), "told": ["here", "not here"]})
    statement = f"SELECT g.told FROM given AS g JOIN exact.{SYNC.name} AS r ON r.division = g.division"
    warehouse = opened(place)
    assert warehouse.query([Query(statement=statement, relations={"given": given})]) == [[{"told": "here"}]]
    assert warehouse.query([Query(statement=statement)]) == [None]
