"""What becomes of the values of a page."""
# ruff: noqa: DTZ001 - wall clocks have no zone

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_assets.errors import AnswerError
from exact_assets.exact.decode import PageDecoder
from exact_assets.exact.json_repair import NotJsonError
from exact_assets.exact.page import Decoded, Unexpanded, UnfitValue
from exact_assets.exact.question import Expand, Question
from exact_assets.exact.vectorized import GUID_FIELD

DECIMAL = pa.decimal128(38, 10)
WALL = pa.timestamp("us")
INSTANT = pa.timestamp("us", "UTC")


def decode(
    body: bytes | Any, zone: str = "Europe/Amsterdam", expand: Expand | None = None, **types: Any
) -> Decoded:
    schema = pa.schema([("ID", pa.string()), *types.items()])
    question = Question(path="", params={}, schema=schema, key=("ID",), expand=expand)
    decoder = PageDecoder(question, endpoint="crm/Accounts", zone=zone)
    return decoder(body if isinstance(body, bytes) else json.dumps(body).encode())


def values(kind: pa.DataType, *texts: str, zone: str = "Europe/Amsterdam") -> list[Any]:
    """Decode JSON texts as one column."""
    rows = ",".join(f'{{"ID":"{place}","X":{text}}}' for place, text in enumerate(texts))
    column = decode(f'{{"d":{{"results":[{rows}]}}}}'.encode(), zone, X=kind).rows.column("X")
    assert column.type == kind
    found: list[Any] = column.to_pylist()
    return found


EXPECTED: list[tuple[pa.DataType, str, Any]] = [
    (pa.string(), '"NL "', "NL"),
    (pa.string(), '"      1234"', "1234"),
    (pa.string(), '"a\\tb\\n"', "a\tb\n"),
    (pa.string(), '"\\u00a0x"', "\u00a0x"),
    (pa.string(), '"   "', ""),
    (pa.string(), '"null"', "null"),
    (pa.string(), '"😀 \\ud83d\\ude00"', "😀 😀"),
    (pa.string(), "12", "12"),
    (pa.string(), "1.50", "1.50"),
    (pa.string(), "true", "true"),
    (pa.string(), '{"__deferred":{"uri":"x"}}', None),
    (pa.int64(), '"11386558735"', 11386558735),
    (pa.int64(), '"9223372036854775807"', 9223372036854775807),
    (pa.int64(), "-9223372036854775808", -9223372036854775808),
    (pa.int16(), "7.0", 7),
    (pa.int16(), "true", 1),
    (pa.int16(), '" 7 "', 7),
    (pa.int32(), '""', None),
    (pa.bool_(), "0", False),
    (pa.bool_(), '"1"', True),
    (pa.bool_(), '"True"', True),
    (DECIMAL, "12", Decimal(12)),
    (DECIMAL, "-0.1", Decimal("-0.1")),
    (DECIMAL, "1.5E+3", Decimal(1500)),
    (DECIMAL, "2e-10", Decimal("2e-10")),
    (DECIMAL, '"12.5"', Decimal("12.5")),
    (DECIMAL, "true", Decimal(1)),
    (DECIMAL, "9999999999999999999999999999.9999999999", Decimal("9999999999999999999999999999.9999999999")),
    (DECIMAL, "90071992547409.93", Decimal("90071992547409.93")),
    (DECIMAL, "0.30000000000000004", Decimal("0.3")),
    (DECIMAL, "12.12345678905", Decimal("12.1234567890")),
    (DECIMAL, "1e-300", Decimal(0)),
    (WALL, '"\\/Date(1782404890063)\\/"', datetime(2026, 6, 25, 16, 28, 10, 63000)),
    (WALL, '"/Date(-62135596800000)/"', datetime(1, 1, 1)),
    (WALL, '"/Date(253402300799999)/"', datetime(9999, 12, 31, 23, 59, 59, 999000)),
    (WALL, '"2026-06-25T16:56:08"', datetime(2026, 6, 25, 16, 56, 8)),
    (WALL, '""', None),
    (INSTANT, '"/Date(1782404890063)/"', datetime(2026, 6, 25, 14, 28, 10, 63000, UTC)),
    (INSTANT, '"/Date(1737378000000)/"', datetime(2025, 1, 20, 12, tzinfo=UTC)),
    (INSTANT, '"/Date(-62135596800000)/"', datetime(1, 1, 1, tzinfo=UTC)),
    (INSTANT, '"2026-06-25T16:56:08"', datetime(2026, 6, 25, 14, 56, 8, tzinfo=UTC)),
]


@pytest.mark.parametrize(("kind", "text", "expected"), EXPECTED, ids=lambda value: str(value)[:40])
def test_a_value_becomes_what_it_means(kind: pa.DataType, text: str, expected: Any) -> None:
    assert values(kind, text, "null") == [expected, None]


UNFIT: list[tuple[pa.DataType, str]] = [
    (pa.int16(), "32768"),
    (pa.int32(), '"99999999999"'),
    (pa.int64(), '"9223372036854775808"'),
    (pa.int64(), "99999999999999999999999999"),
    (pa.int32(), "1.5"),
    (pa.int32(), '"one"'),
    (pa.bool_(), "2"),
    (pa.bool_(), '"yes"'),
    (DECIMAL, "99999999999999999999999999999"),
    (DECIMAL, "1e40"),
    (DECIMAL, "1e999999999"),
    (DECIMAL, '"NaN"'),
    (DECIMAL, '"many"'),
    (WALL, '"/Date(253402300800000)/"'),
    (WALL, '"/Date(x)/"'),
    (WALL, "true"),
    (WALL, '"1782404890063"'),
    (INSTANT, '"/Date(99999999999999999999)/"'),
    (pa.string(), "[1]"),
]


@pytest.mark.parametrize(("kind", "text"), UNFIT, ids=lambda value: str(value)[:40])
def test_a_value_that_does_not_fit_is_null_and_named_with_its_row(kind: pa.DataType, text: str) -> None:
    rows = ",".join(f'{{"ID":"{place}","X":{one}}}' for place, one in enumerate(["null", text, "null"]))
    found = decode(f'{{"d":{{"results":[{rows}]}}}}'.encode(), X=kind)
    assert found.rows.column("X").to_pylist() == [None, None, None]
    assert [(one.property, one.row, one.is_set_aside) for one in found.unfit] == [("X", "ID 1", False)]
    assert found.unfit[0].value.rstrip("…") in text


def test_the_values_beside_one_that_does_not_fit_are_as_they_came() -> None:
    body = b'{"d":[{"ID":"a","N":4294967295,"M":1},{"ID":"b","N":7,"M":2},{"ID":"c","N":-1,"M":true}]}'
    found = decode(body, N=pa.int32(), M=pa.int64())
    assert found.rows.to_pylist() == [
        {"ID": "a", "N": None, "M": 1},
        {"ID": "b", "N": 7, "M": 2},
        {"ID": "c", "N": -1, "M": 1},
    ]
    assert found.unfit == (UnfitValue(property="N", row="ID a", value="4294967295", is_set_aside=False),)


GUID = pa.field("X", pa.string(), metadata=GUID_FIELD)
SOME_GUID = "cbddbd5c-7f52-4f0a-9c0f-0123456789ab"


@pytest.mark.parametrize(
    ("text", "expected", "unfit"),
    [
        (f'"{SOME_GUID}"', SOME_GUID, 0),
        (f'"{{{SOME_GUID}}}"', SOME_GUID, 0),
        (f'" {SOME_GUID} "', SOME_GUID, 0),
        (f'"{SOME_GUID.replace("-", "")}"', SOME_GUID, 0),
        ('""', None, 0),
        ('"  "', None, 0),
        ("null", None, 0),
        ('"12"', None, 1),
        ("12", None, 1),
        ("true", None, 1),
        (f'"{SOME_GUID[:-1]}"', None, 1),
        (f'"{SOME_GUID}\\n"', SOME_GUID, 0),
        (f'"urn:uuid:{SOME_GUID}"', None, 1),
    ],
)
def test_an_empty_guid_is_none_and_another_text_no_guid(text: str, expected: str | None, unfit: int) -> None:
    question = Question(path="", params={}, schema=pa.schema([("ID", pa.string()), GUID]), key=("ID",))
    body = f'{{"d":[{{"ID":"a","X":"{SOME_GUID}"}},{{"ID":"b","X":{text}}}]}}'.encode()
    found = PageDecoder(question, endpoint="crm/Accounts", zone="Europe/Amsterdam")(body)
    assert found.rows.column("X").to_pylist() == [SOME_GUID, expected]
    assert len(found.unfit) == unfit


@pytest.mark.parametrize("word", ["NaN", "-Infinity", "Infinity"])
def test_words_that_are_no_json_cost_one_value(word: str) -> None:
    body = f'{{"d":[{{"ID":"NaN","X":{word},"Y":1.5}},{{"ID":"b\\ud83d","X":2,"Y":{word}}}]}}'.encode()
    found = decode(body, X=pa.int32(), Y=DECIMAL)
    assert found.rows.to_pylist() == [
        {"ID": "NaN", "X": None, "Y": Decimal("1.5")},
        {"ID": "b\ufffd", "X": 2, "Y": None},
    ]
    assert [(one.row, one.value) for one in found.unfit] == [("ID NaN", word), ("ID b\ufffd", word)]


def strict(body: bytes, **types: Any) -> Decoded:
    """Decode rows that cannot be kept without ID, and are of no use if no row has a Timestamp."""
    schema = pa.schema([("ID", pa.int32()), *types.items()])
    question = Question(
        path="", params={}, schema=schema, key=("ID",), required=("ID",), indispensable=("Timestamp",)
    )
    return PageDecoder(question, endpoint="crm/Accounts", zone="Europe/Amsterdam")(body)


@pytest.mark.parametrize("key", ["null", '""', '"x"', "4294967295", "[1]"])
def test_a_row_whose_key_cannot_be_kept_is_set_aside_and_the_others_are_not(key: str) -> None:
    body = f'{{"d":[{{"ID":1,"Timestamp":1}},{{"ID":{key},"Timestamp":2}},{{"ID":3,"Timestamp":null}}]}}'.encode()
    found = strict(body, Timestamp=pa.int64())
    assert found.rows.to_pylist() == [{"ID": 1, "Timestamp": 1}, {"ID": 3, "Timestamp": None}]
    assert [(one.property, one.is_set_aside) for one in found.unfit] == [("ID", True)]


@pytest.mark.parametrize("lacking", ["ID", "Timestamp"])
def test_an_answer_without_what_rows_cannot_be_kept_without_is_an_error(lacking: str) -> None:
    rows = [{"ID": place, "Timestamp": place, "Name": "x"} for place in range(3)]
    body = json.dumps({"d": [{name: value for name, value in row.items() if name != lacking} for row in rows]})
    with pytest.raises(AnswerError, match=f"{lacking} was asked for and came in none of the rows"):
        strict(body.encode(), Timestamp=pa.int64(), Name=pa.string())


def test_a_property_that_comes_in_no_row_is_told_from_one_that_is_null() -> None:
    body = b'{"d":[{"ID":"a","Name":null},{"ID":"b","Code":"x"}]}'
    found = decode(body, Name=pa.string(), Code=pa.string(), Gone=pa.bool_(), Amount=DECIMAL)
    assert found.absent == {"Gone", "Amount"}
    assert found.rows.to_pylist() == [
        {"ID": "a", "Name": None, "Code": None, "Gone": None, "Amount": None},
        {"ID": "b", "Name": None, "Code": "x", "Gone": None, "Amount": None},
    ]
    assert decode({"d": []}, Name=pa.string()).absent == frozenset()


def test_the_first_of_the_hour_that_comes_twice_counts() -> None:
    twice = int(datetime(2025, 10, 26, 2, 30, tzinfo=UTC).timestamp() * 1000)
    assert values(INSTANT, f'"/Date({twice})/"') == [datetime(2025, 10, 26, 0, 30, tzinfo=UTC)]


def test_an_hour_that_does_not_exist_becomes_its_end() -> None:
    never = int(datetime(2025, 3, 30, 2, 30, tzinfo=UTC).timestamp() * 1000)
    assert values(INSTANT, f'"/Date({never})/"') == [datetime(2025, 3, 30, 1, tzinfo=UTC)]


@pytest.mark.parametrize(("zone", "hour"), [("Europe/London", 11), ("+05:30", 6), ("-01:00", 13)])
def test_instants_follow_the_sites_zone(zone: str, hour: int) -> None:
    noon = int(datetime(2025, 7, 1, 12, tzinfo=UTC).timestamp() * 1000)
    (found,) = values(INSTANT, f'"/Date({noon})/"', zone=zone)
    assert found.hour == hour


@given(st.lists(st.decimals(-(10**20), 10**20, places=10, allow_nan=False), min_size=1, max_size=20))
def test_no_digit_of_an_amount_is_lost(amounts: list[Decimal]) -> None:
    assert values(DECIMAL, *(str(amount) for amount in amounts)) == amounts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_texts_lose_no_more_than_the_spaces_around_them(texts: list[str]) -> None:
    assert values(pa.string(), *(json.dumps(text) for text in texts)) == [text.strip(" ") for text in texts]


@given(st.lists(st.datetimes(datetime(2, 1, 1), datetime(9999, 12, 30)), min_size=1, max_size=20))
def test_wall_clocks_stay_as_they_were_sent(moments: list[datetime]) -> None:
    rounded = [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments]
    sent = [f'"/Date({round((moment - datetime(1970, 1, 1)).total_seconds() * 1000)})/"' for moment in rounded]
    assert values(WALL, *sent) == rounded


def test_a_missing_property_is_null_and_an_unknown_one_is_told() -> None:
    found = decode({"d": [{"__metadata": {}, "ID": "a", "New": 1}]}, Name=pa.string())
    assert found.rows.to_pylist() == [{"ID": "a", "Name": None}]
    assert found.unknown == {"New"}


def test_rows_may_have_their_properties_in_any_order() -> None:
    body = b'{"d":[{"ID":"a","X":1,"Y":2},{"Y":4,"Z":0,"X":3,"ID":"b"}]}'
    assert decode(body, Y=pa.int32(), X=pa.int32()).rows.to_pylist()[1] == {"ID": "b", "Y": 4, "X": 3}


def test_counts_and_links_before_the_rows_are_no_rows() -> None:
    found = decode({"d": {"__count": "1", "__next": "http://x/", "results": [{"ID": "a"}]}})
    assert (found.rows.num_rows, found.next_link, found.unknown) == (1, "http://x/", frozenset())


def test_one_odd_column_leaves_the_others_as_they_are() -> None:
    body = b'{"d":[{"ID":"a","Code":1234,"Amount":0.1,"N":"7"},{"ID":"b","Code":" x","Amount":"2","N":true}]}'
    rows = decode(body, Code=pa.string(), Amount=DECIMAL, N=pa.int16()).rows.to_pylist()
    assert rows[0] == {"ID": "a", "Code": "1234", "Amount": Decimal("0.1"), "N": 7}
    assert rows[1] == {"ID": "b", "Code": "x", "Amount": Decimal(2), "N": 1}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'"cut \\ud83d"', "cut \ufffd"),
        (b'"\\ude00 cut"', "\ufffd cut"),
        (b'"a\x0bb\nc"', "a\x0bb\nc"),
        (b'"\\\\ud83d \x01"', "\\ud83d \x01"),
        (b'"\xff"', "\ufffd"),
    ],
)
def test_half_characters_and_control_characters_do_not_stop_a_table(sent: bytes, kept: str) -> None:
    assert decode(b'\xef\xbb\xbf{"d":[{"ID":' + sent + b"}]}").rows.to_pylist() == [{"ID": kept}]


@pytest.mark.parametrize("body", [b"", b"  ", b"<html>", b'{"d":[{"ID":"a"}', b'{"d":[{"ID":"a', b'{"d":[}]}'])
def test_what_is_cut_or_no_json_is_told_apart(body: bytes) -> None:
    with pytest.raises(NotJsonError):
        decode(body)


@pytest.mark.parametrize(
    "body", [None, "busy", {"d": None}, {}, {"d": 1}, {"d": {}}, {"d": {"results": None}}, {"d": [1]}]
)
def test_json_of_another_shape_is_no_empty_page(body: object) -> None:
    with pytest.raises(AnswerError):
        decode(body)


LINES = Expand(navigation="Lines", key="ID", schema=pa.schema([("Line", pa.int32()), ("Text", pa.string())]))


def test_expanded_lines_come_with_their_parents_key() -> None:
    rows = [
        {"ID": "a", "Lines": {"results": [{"Line": 1, "Text": "x "}, {"Line": "2"}]}},
        {"ID": "b", "Lines": [{"Line": 3}]},
        {"ID": "c", "Lines": {"results": []}},
    ]
    found = decode({"d": rows}, expand=LINES)
    assert found.expanded is not None
    assert found.expanded.to_pylist() == [
        {"parent_key": "a", "Line": 1, "Text": "x"},
        {"parent_key": "a", "Line": 2, "Text": None},
        {"parent_key": "b", "Line": 3, "Text": None},
    ]
    assert found.unexpanded == ()


def test_parents_whose_lines_are_not_all_there_are_named() -> None:
    rows = [
        {"ID": "a", "Lines": {"__deferred": {"uri": "http://x/a"}}},
        {"ID": "b", "Lines": {"results": [{"Line": 1}], "__next": "http://x/b"}},
        {"ID": "c", "Lines": None},
        {"ID": "d"},
    ]
    found = decode({"d": rows}, expand=LINES)
    assert found.unexpanded == (
        Unexpanded(key="a", link="http://x/a"),
        Unexpanded(key="b", link="http://x/b"),
        Unexpanded(key="c", link=None),
        Unexpanded(key="d", link=None),
    )
    assert found.expanded is not None
    assert found.expanded.num_rows == 1


def test_a_page_without_rows_has_no_lines_either() -> None:
    found = decode({"d": []}, expand=LINES)
    assert found.expanded is not None
    assert (found.rows.num_rows, found.expanded.column_names) == (0, ["parent_key", "Line", "Text"])


def test_lines_are_set_aside_alone_and_with_their_header() -> None:
    lines = Expand(
        navigation="Lines",
        key="ID",
        schema=pa.schema([("Line", pa.int32())]),
        line_key=("Line",),
        line_required=("Line",),
    )
    question = Question(
        path="", params={}, schema=pa.schema([("ID", pa.int32())]), key=("ID",), required=("ID",), expand=lines
    )
    rows = [
        {"ID": 1, "Lines": [{"Line": 1}, {"Line": 2**40}, {"Line": 3}]},
        {"ID": "x", "Lines": [{"Line": 4}]},
        {"ID": 5, "Lines": [{"Line": 6}]},
    ]
    found = PageDecoder(question, endpoint="e", zone="Europe/Amsterdam")(json.dumps({"d": rows}).encode())
    assert found.expanded is not None
    assert [tuple(line.values()) for line in found.expanded.to_pylist()] == [("1", 1), ("1", 3), ("5", 6)]
    assert [(one.property, one.value) for one in found.unfit] == [("ID of the header", "x"), ("Line", str(2**40))]
