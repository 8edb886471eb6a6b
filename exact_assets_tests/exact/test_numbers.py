"""Numbers in all the ways that JSON can write them, against Python's Decimal: the same value, or named.

Run with more examples by `EXACT_TEST_EXAMPLES=100000`.
"""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_assets.errors import AnswerError
from exact_assets.exact.decode import PageDecoder
from exact_assets.exact.numbers import read_integer
from exact_assets.exact.page import Decoded, UnfitValue
from exact_assets.exact.question import Question

EXAMPLES = int(os.environ.get("EXACT_TEST_EXAMPLES", "300"))
DECIMAL = pa.decimal128(38, 10)
WALL = pa.timestamp("us")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock
ROOM = Context(prec=20_000)
BITS = {pa.int8(): 8, pa.int16(): 16, pa.int32(): 32, pa.int64(): 64}
ORDINARY: dict[pa.DataType, list[tuple[str, Any]]] = {
    DECIMAL: [("12.5", Decimal("12.5")), ("-0.1", Decimal("-0.1")), ("null", None)],
    pa.int8(): [("7", 7), ("-1", -1), ("null", None)],
    pa.int16(): [("7", 7), ("-300", -300), ("null", None)],
    pa.int32(): [("7", 7), ("-70000", -70000), ("null", None)],
    pa.int64(): [('"11386558735"', 11386558735), ("-1", -1), ("null", None)],
    pa.bool_(): [("true", True), ("false", False), ("null", None)],
    pa.string(): [('"a"', "a"), ("null", None)],
    WALL: [('"/Date(1782404890063)/"', datetime(2026, 6, 25, 16, 28, 10, 63000)), ("null", None)],  # noqa: DTZ001
}


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    short = st.text("0123456789", min_size=least, max_size=most)
    runs = st.builds(
        str.__mul__, st.sampled_from("0159"), st.sampled_from([27, 28, 29, 38, 39, 49, 77, 1000, 5000])
    )
    return st.one_of(short, short, short, runs)


WHOLE = st.one_of(st.just("0"), st.builds(str.__add__, st.sampled_from("123456789"), digits(0, 40)))
FRACTION = st.one_of(st.just(""), digits(1, 45).map(".{}".format))
POWERS = st.one_of(
    st.integers(0, 60).map(str),
    st.integers(0, 60).map("00{}".format),
    st.sampled_from(["399", "400", "5000004", "999999999", "2147483648", "9" * 19, "9" * 30, "1" + "0" * 5000]),
)
EXPONENT = st.one_of(
    st.just(""),
    st.just(""),
    st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), POWERS),
)
NUMBERS = st.one_of(
    st.builds("{}{}{}{}".format, st.sampled_from(["", "-"]), WHOLE, FRACTION, EXPONENT),
    st.builds(
        "{}{}".format, st.integers(-(2**65), 2**65), st.sampled_from(["", ".0", "e0", ".4", "e-1", ".00e+2"])
    ),
    st.decimals(-(10**29), 10**29, places=11).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


def decoded(kind: pa.DataType, texts: list[str], zone: str = "Europe/Amsterdam") -> list[Any]:
    """Decode JSON texts as a column X, beside a column Y of the same kind with an ordinary value."""
    found = page_of(kind, texts, zone)
    assert found.unfit == ()
    column: list[Any] = found.rows.column("X").to_pylist()
    return column


def unfit(kind: pa.DataType, texts: list[str], zone: str = "Europe/Amsterdam") -> tuple[UnfitValue, ...]:
    """Decode them likewise, and return what does not fit: null in X, and named."""
    found = page_of(kind, texts, zone)
    by_row = {one.row: one for one in found.unfit}
    for row, value, text in zip(found.rows.column("ID"), found.rows.column("X"), texts, strict=True):
        assert (value.as_py() is None) == (f"ID {row}" in by_row or text == "null")
    return found.unfit


def page_of(kind: pa.DataType, texts: list[str], zone: str) -> Decoded:
    ordinary, expected = ORDINARY.get(kind, ORDINARY[WALL])[0]
    rows = ",".join(f'{{"ID":"{place}","X":{text},"Y":{ordinary}}}' for place, text in enumerate(texts))
    schema = pa.schema([("ID", pa.string()), ("X", kind), ("Y", kind)])
    question = Question(path="", params={}, schema=schema, key=("ID",))
    found = PageDecoder(question, endpoint="crm/Accounts", zone=zone)(f'{{"d":[{rows}]}}'.encode())
    if kind in ORDINARY:
        assert found.rows.column("Y").to_pylist() == [expected] * len(texts)
    return found


def exact(text: str) -> Decimal | None:
    """Return what Python's Decimal makes of a number; None: its exponent is beyond even that."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0) if not text.lower().partition("e")[0].strip("-0.") else None


def amount(text: str) -> Decimal:
    number = exact(text)
    if number is None or (number and number.adjusted() < -100):
        assert "e-" in text.lower() or number is not None, "too large"
        return Decimal(0)
    assert not number or number.adjusted() < 100, "too large"
    rounded = (number or Decimal(0)).quantize(Decimal("1e-10"), ROUND_HALF_EVEN, ROOM)
    assert rounded.copy_abs() < 10**28, "too large"
    return rounded


def whole(text: str) -> int:
    number = exact(text)
    assert number is not None, "beyond all"
    assert not number or -10_000 < number.adjusted() < 100, "beyond all"
    assert number == number.to_integral_value(), "a fraction"
    return int(number) if number else 0


def integer(bits: int) -> Callable[[str], int]:
    def oracle(text: str) -> int:
        assert -(2 ** (bits - 1)) <= whole(text) < 2 ** (bits - 1), "too large"
        return whole(text)

    return oracle


def flag(text: str) -> bool:
    assert whole(text) in {0, 1}, "no flag"
    return bool(whole(text))


def wall(text: str) -> datetime:
    assert -62_135_596_800_000 <= whole(text) <= 253_402_300_799_999, "no date"
    return EPOCH + timedelta(milliseconds=whole(text))


ORACLES: dict[pa.DataType, Callable[[str], Any]] = {
    DECIMAL: amount,
    **{kind: integer(bits) for kind, bits in BITS.items()},
    pa.bool_(): flag,
    pa.string(): str,
    WALL: wall,
}


def check(kind: pa.DataType, sent: str, number: str) -> None:
    """Alone, and before, between and after ordinary values: the oracle's value, or the number by its name."""
    ordinary = ORDINARY[kind]
    before, after = [text for text, _ in ordinary], [value for _, value in ordinary]
    try:
        expected = [ORACLES[kind](number)]
    except AssertionError:
        for texts in ([sent], [*before, sent], [sent, *before]):
            (one,) = unfit(kind, texts)
            assert number[:50] in one.value
        return
    assert decoded(kind, [sent]) == expected
    assert decoded(kind, [*before, sent, *before]) == [*after, *expected, *after]


@pytest.mark.parametrize("kind", ORACLES, ids=str)
@given(number=NUMBERS)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_number_is_stored_as_it_is_or_named(kind: pa.DataType, number: str) -> None:
    check(kind, number, number)


@pytest.mark.parametrize("kind", [DECIMAL, *BITS], ids=str)
@given(number=NUMBERS, spaces=st.sampled_from([("", ""), (" ", ""), ("", "  ")]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_number_in_a_string_is_stored_as_it_is_or_named(
    kind: pa.DataType, number: str, spaces: tuple[str, str]
) -> None:
    check(kind, json.dumps(number.join(spaces)), number)


@given(texts=st.lists(st.tuples(NUMBERS, st.booleans()), min_size=1, max_size=30))
@settings(max_examples=EXAMPLES, deadline=None)
def test_amounts_of_a_column_do_not_change_each_other(texts: list[tuple[str, bool]]) -> None:
    fit = []
    for number, is_string in texts:
        try:
            fit.append((json.dumps(number) if is_string else number, amount(number)))
        except AssertionError:
            continue
    assert decoded(DECIMAL, [sent for sent, _ in fit]) == [expected for _, expected in fit]


NAMED = ["7e31", "75499190738542888660935932547", "9" * 1000, "9" * 5000, "1e999999999", "1e99999999999999999999"]
ROUNDED = [
    ("1e-5000004", "0"),
    ("1e-999999999", "0"),
    ("-1e-999999999999999999999", "0"),
    ("0e999999999", "0"),
    ("0." + "9" * 49, "1"),
    ("0." + "0" * 48 + "1", "0"),
    ("12.00000000005", "12"),
    ("12.00000000015", "12.0000000002"),
    ("-12.00000000005", "-12"),
    ("9999999999999999999999999999.99999999994", "9999999999999999999999999999.9999999999"),
    ("0.0000000001e28", "1000000000000000000"),
    ("10" + "0" * 5000 + "e-5000", "10"),
]


@pytest.mark.parametrize("text", [*NAMED, "9999999999999999999999999999.99999999995"], ids=lambda text: text[:40])
def test_an_amount_that_cannot_be_held_is_named(text: str) -> None:
    """Arrow stored `3917124362958065583843251285.28`, or the process ended."""
    for texts in ([text], ["1.5", text], [text, "null", "1e-7"]):
        (one,) = unfit(DECIMAL, texts)
        assert one.value.startswith(text[:20])


@pytest.mark.parametrize(("text", "expected"), ROUNDED, ids=lambda text: text[:40])
def test_an_amount_is_rounded_to_ten_decimals_half_to_even(text: str, expected: str) -> None:
    for sent in (text, f'"{text}"'):
        assert decoded(DECIMAL, ["1.5", sent, "null"]) == [Decimal("1.5"), Decimal(expected), None]


ODD_NUMBERS = [
    "1_000",
    "١٢٣",
    "\uff11\uff12",
    "0x10",
    "NaN",
    "Infinity",
    "-inf",
    "12,5",
    "1.000,50",
    "--1",
    "1e",
    ".",
    "1 2",
    "e5",
]


@pytest.mark.parametrize("kind", [DECIMAL, *BITS, pa.bool_()], ids=str)
@pytest.mark.parametrize("text", ODD_NUMBERS)
def test_a_text_that_python_or_arrow_would_take_for_a_number_is_named(kind: pa.DataType, text: str) -> None:
    for before in ([], [ORDINARY[kind][0][0]]):
        assert len(unfit(kind, [*before, json.dumps(text)])) == 1


ODD_DATES = [
    "/Date(0x10)/",
    "/Date(0X1f)/",
    "/Date(1_000)/",
    "/Date(\uff11\uff12)/",
    "/Date(+5)/",
    "/Date( 5)/",
    "/Date()/",
    "/Date(1e3)/",
]
ODD_DATES += [
    f"/Date({'9' * 5000})/",
    "/Date(1)/Date(2)/",
    "/Date(1782404890063+0200)/",
    "\uff12026-06-25",
    "1782404890063",
]


@pytest.mark.parametrize("kind", [WALL, pa.timestamp("us", "UTC")], ids=str)
@pytest.mark.parametrize("text", ODD_DATES, ids=lambda text: text[:30])
def test_a_date_with_odd_digits_is_named(kind: pa.DataType, text: str) -> None:
    for before in ([], ['"/Date(0)/"']):
        assert len(unfit(kind, [*before, json.dumps(text)])) == 1


@pytest.mark.parametrize("number", [0, -1, 1782404890063, -62_135_596_800_000, 253_402_300_799_999])
def test_a_date_may_have_leading_zeros(number: int) -> None:
    text = f"/Date({'-' if number < 0 else ''}{abs(number):018})/"
    assert decoded(WALL, [json.dumps(text)]) == [EPOCH + timedelta(milliseconds=number)]
    assert decoded(WALL, [json.dumps(text), '"2026-06-25T16:56:08"'])[0] == EPOCH + timedelta(milliseconds=number)


@pytest.mark.parametrize("zone", ["-05:00", "America/New_York"])
def test_an_instant_after_the_year_9999_is_named(zone: str) -> None:
    last = '"/Date(253402300799999)/"'
    (one,) = unfit(pa.timestamp("us", "UTC"), ['"/Date(0)/"', last], zone)
    assert one.row == "ID 1"
    assert decoded(WALL, [last], zone)[0].year == 9999


def test_a_number_in_a_text_column_keeps_its_digits() -> None:
    texts = ["1.50", "1e400", "-0", "9" * 5000, "0.1e-999999999999"]
    assert decoded(pa.string(), ['"a"', *texts]) == ["a", *texts]


@pytest.mark.parametrize("kind", ORACLES, ids=str)
@pytest.mark.parametrize("depth", [2_000, 200_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_lists_in_lists_end_the_table_with_a_message(kind: pa.DataType, depth: int, brackets: str) -> None:
    bomb = brackets[:-1] * depth + ("" if brackets == "[]" else "1") + brackets[-1] * depth
    ordinary = ORDINARY[kind][0][0]
    for texts in ([bomb], [ordinary, bomb]):
        with pytest.raises(AnswerError, match="crm/Accounts"):
            decoded(kind, texts)


@pytest.mark.parametrize("kind", ORACLES, ids=str)
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_a_list_in_the_place_of_a_value_is_named(kind: pa.DataType, brackets: str) -> None:
    lists = brackets[:-1] * 500 + ("" if brackets == "[]" else "1") + brackets[-1] * 500
    assert len(unfit(kind, [ORDINARY[kind][0][0], lists])) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60", 60), (" 7 ", 7), ("60.0", 60), ("-1", None), ("101", None), ("9" * 5000, None), ("1e9999", None)],
)
def test_a_header_is_read_within_bounds(text: str, expected: int | None) -> None:
    assert read_integer(text, lowest=0, highest=100) == expected
    assert read_integer(None, lowest=0, highest=100) is None
