"""Rows that are now before the starting year take their stored copies away, in the transaction of their step."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from exact_assets.catalogue.table import Table
from exact_assets.errors import ValueRangeError
from exact_assets.stream import Changes, Step, StreamState, Verb
from exact_assets_tests.warehouse import tables
from exact_assets_tests.warehouse.conftest import Stream, Streams
from exact_assets_tests.warehouse.tables import DIVISION, INT16, MODIFIED, STRING, SYNC, guid, rows

MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
PERIODS = tables.table(
    "periods",
    {
        "id": ("ID", STRING),
        "period": ("Period", INT16),
        "timestamp": ("Timestamp", tables.INT64),
    },
    key=("id", "period"),
    version="timestamp",
)


def account(number: int, version: int, year: int = 2026) -> dict[str, Any]:
    return {"id": guid(number), "timestamp": version, "_year": year}


def step(table: Table, verb: Verb, *arrived: Mapping[str, Any], gone: list[Mapping[str, Any]]) -> Step:
    made = tables.step(verb, rows(table, *arrived))
    left = rows(table, *gone).select([*table.key, str(table.version)])
    return Step(verb=verb, rows=made.rows, state=made.state, gone=left)


def leave(stream: Stream, *gone: Mapping[str, Any], arrived: tuple[Mapping[str, Any], ...] = ()) -> Changes:
    return stream.store(step(stream.table, Verb.UPSERT, *arrived, gone=list(gone)))


def test_the_stored_copy_goes_and_counts_in_its_year(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(account(1, 1, 2025), account(2, 2))
    assert leave(accounts, account(1, 3), account(9, 4)) == Changes(deleted=1, years={2025: 1})
    assert accounts.read("id::VARCHAR") == [(guid(2),)]


def test_a_newer_copy_stays(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(account(1, 5))
    assert leave(accounts, account(1, 4)) == Changes()
    assert leave(accounts, account(1, 6), arrived=(account(1, 7),)) == Changes(updated=1, years={2026: 1})


def test_the_same_row_of_another_division_stays(stream: Streams) -> None:
    accounts = stream(SYNC)
    theirs = tables.step(Verb.UPSERT, rows(SYNC, account(1, 1), division=2))
    accounts.warehouse.store(SYNC, 2, theirs, expected_seq=0)
    accounts.upsert(account(1, 1))
    leave(accounts, account(1, 2))
    assert accounts.read("division") == [(2,)]
    assert DIVISION != 2


def test_a_row_that_comes_and_leaves_in_one_step_counts_nowhere(stream: Streams) -> None:
    accounts = stream(SYNC)
    assert leave(accounts, account(1, 2), account(1, 3), arrived=(account(1, 1),)) == Changes()
    assert accounts.read("id") == []


def test_instants_and_keys_of_several_columns_are_told_apart(stream: Streams) -> None:
    deals, periods = stream(MODIFIED), stream(PERIODS)
    deals.upsert({"id": guid(1), "modified": MAY}, {"id": guid(2), "modified": JUNE})
    leave(deals, {"id": guid(1), "modified": JUNE}, {"id": guid(2), "modified": MAY})
    assert deals.read("id::VARCHAR") == [(guid(2),)]
    periods.upsert({"id": "a", "period": 1, "timestamp": 1}, {"id": "a", "period": 2, "timestamp": 2})
    leave(periods, {"id": "a", "period": 1, "timestamp": 3})
    assert periods.read("period") == [(2,)]


def test_staged_copies_go_too(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(account(1, 1), account(2, 1), account(3, 1))
    accounts.stage(account(1, 1), account(2, 1), account(3, 1))
    accounts.store(step(SYNC, Verb.STAGE, gone=[account(1, 2)]))
    assert accounts.store(step(SYNC, Verb.REPLACE, gone=[account(2, 2)])).deleted == 2
    assert accounts.read("id::VARCHAR") == [(guid(3),)]


def test_an_unstaged_replace_leaves_out_what_left(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.store(step(SYNC, Verb.REPLACE, account(1, 1), account(2, 1), gone=[account(1, 2)]))
    assert accounts.read("id::VARCHAR") == [(guid(2),)]


def test_a_key_that_is_no_guid_is_named_and_nothing_is_stored(stream: Streams) -> None:
    accounts = stream(SYNC)
    gone = pa.table({"id": ["x"], "timestamp": [1]})
    with pytest.raises(ValueRangeError, match="crm_accounts"):
        accounts.store(Step(verb=Verb.UPSERT, rows=accounts.rows(account(1, 1)), state=StreamState(), gone=gone))
    assert accounts.read("id") == []
