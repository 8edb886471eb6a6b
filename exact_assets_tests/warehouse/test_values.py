"""Values at the edges of their types arrive as they were sent, or are refused by name."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exact_assets.errors import ValueRangeError
from exact_assets.stream import Changes, Verb
from exact_assets_tests.warehouse.conftest import Streams
from exact_assets_tests.warehouse.tables import (
    BOOLEAN,
    BY_CODE,
    COMPOSITE,
    DATE,
    DOUBLE,
    GUID,
    INSTANT,
    INT16,
    INT64,
    STRING,
    SYNC,
    guid,
    rows,
    step,
    table,
)

WIDE = table(
    "everything",
    {
        "id": ("ID", GUID),
        "truth": ("Truth", BOOLEAN),
        "small": ("Small", INT16),
        "big": ("Big", INT64),
        "amount": ("AmountDC", DOUBLE),
        "text": ("Text", STRING),
        "day": ("Day", DATE),
        "moment": ("Moment", INSTANT),
        "other": ("Other", GUID),
    },
)
MICROSECOND = timedelta(microseconds=1)
LARGEST = Decimal("9999999999999999999999999999.9999999999")

EDGES = [
    ("truth", False),
    ("small", -32768),
    ("big", 2**63 - 1),
    ("big", -(2**63)),
    ("amount", LARGEST),
    ("amount", LARGEST.copy_negate()),
    ("amount", Decimal("0.0000000001")),
    ("text", ""),
    ("text", "x" * 4000),
    ("text", "'; DROP TABLE exact.everything; --"),
    ("text", 'quote " and back\\slash \r\n\t'),
    ("text", "Ægïs 株式会社 🧾 \u202e e\u0301"),
    ("text", "NUL \0 inside"),
    ("text", "\\."),
    ("text", "a\n\\.\nb"),
    ("text", "\r\n"),
    ("text", '"'),
    ("text", "\\N"),
    ("text", "NULL"),
    ("text", "100 % of {name} %(name)s $1"),
    ("text", "\uffff\x01\x7f"),
    ("day", datetime(1, 1, 1)),  # noqa: DTZ001 - business dates have no zone
    ("day", datetime(9999, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001 - likewise
    ("other", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
]


@pytest.mark.parametrize(("column", "value"), EDGES)
def test_a_value_at_the_edge_comes_back_as_it_was(stream: Streams, column: str, value: Any) -> None:
    everything = stream(WIDE)
    everything.upsert({"id": guid(1), column: value})
    found = everything.read(f"{column}::VARCHAR" if column == "other" else column)
    assert found == [(value.replace("\0", stream.place.nul) if isinstance(value, str) else value,)]
    assert everything.upsert({"id": guid(1), column: value}) == Changes()


@pytest.mark.parametrize("year", [1, 9999])
def test_instants_of_any_year_come_back_as_they_were(stream: Streams, year: int) -> None:
    everything = stream(WIDE)
    moment = datetime(year, 6, 1, 12, 30, tzinfo=UTC)
    everything.upsert({"id": guid(1), "moment": moment})
    assert everything.read(stream.place.microseconds("moment")) == [
        ((moment - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND,)
    ]


def test_an_empty_text_and_none_are_two_values(stream: Streams) -> None:
    everything = stream(WIDE)
    everything.upsert({"id": guid(1), "text": ""})
    assert everything.upsert({"id": guid(1), "text": None}).updated == 1
    assert everything.read("text") == [(None,)]


@pytest.mark.parametrize("code", ["", "a'b", "a\0", "a\0b", "株" * 1000, "  padded  "])
def test_any_text_can_be_a_key(stream: Streams, code: str) -> None:
    codes = stream(BY_CODE)
    codes.upsert({"id": code, "value": "1"}, {"id": "a", "value": "2"})
    assert codes.upsert({"id": code, "value": "3"}).updated == 1
    assert codes.read("id, value") == sorted([(code.replace("\0", stream.place.nul), "3"), ("a", "2")])


@pytest.mark.parametrize("bad", ["nonsense", "", "00000000-0000-0000-0000-00000000000g", "x" * 4000])
def test_a_guid_that_is_none_is_refused_by_table_column_and_key(stream: Streams, bad: str) -> None:
    everything = stream(WIDE)
    with pytest.raises(ValueRangeError, match=f"everything: other is no GUID: .*, in the row with id {guid(2)}"):
        everything.upsert({"id": guid(1), "other": guid(5)}, {"id": guid(2), "other": bad})
    assert everything.read("id") == []


def test_a_row_without_its_key_is_refused(stream: Streams) -> None:
    accounts = stream(SYNC)
    with pytest.raises(ValueRangeError, match="crm_accounts: id is missing"):
        accounts.upsert({"timestamp": 1})
    balances = stream(COMPOSITE)
    with pytest.raises(ValueRangeError, match=f"openingbalance: period is missing, in the row with id {guid(1)}"):
        balances.upsert({"id": guid(1)})


HOSTILE_NAMES = [
    "select",
    "order",
    "user",
    "Group",
    'say "hi"',
    "a.b",
    "straße",
    "s",
    "t",
    "hit",
    "x" * 60,
    "y" * 63 + "a",
    "y" * 63 + "b",
    "ß" * 40,
    "$1",
    "100 %",
    "%(division)s",
]


def test_reserved_and_hostile_names_are_only_names(stream: Streams) -> None:
    names = {name: (f"it's {name}", STRING) for name in HOSTILE_NAMES}
    odd = table('order "by"', {"key": ("Key", GUID), **names}, key=("key",))
    things = stream(odd)
    row = {"key": guid(1), **{name: name for name in HOSTILE_NAMES}}
    assert things.upsert(row).inserted == 1
    assert things.upsert({**row, "select": "changed"}).updated == 1
    things.stage({**row, "key": guid(2)})
    assert things.replace({**row, "key": guid(3)}).deleted == 1


@pytest.mark.parametrize("name", ["", "_year", "_loaded_at", "Division"])
def test_a_name_that_the_warehouse_needs_itself_is_refused(stream: Streams, name: str) -> None:
    name = name or stream.place.engine().dialect.address
    with pytest.raises(ValueError, match=f"odd: {name} cannot be the name of a column"):
        stream(table("odd", {"id": ("ID", GUID), name: ("Name", STRING)}))


def test_a_wrong_guid_does_not_keep_other_steps_of_a_batch_from_being_stored(stream: Streams) -> None:
    accounts = stream(SYNC)
    identities = {1: guid(1), 2: "nonsense", 3: guid(1)}
    steps = [
        (division, step(Verb.UPSERT, rows(SYNC, {"id": identity}, division=division)), 0)
        for division, identity in identities.items()
    ]
    first, second, third = accounts.warehouse.store_many(SYNC, steps)
    assert isinstance(second, ValueRangeError)
    assert accounts.read("division") == [(1,), (3,)]
    assert first == third
