"""`$filter`: what is read, what is refused, and that SQL selects what the words say."""

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_simulator.facts import Endpoint, Property
from exact_simulator.odata.lexer import QueryError, Value, tokens, values
from exact_simulator.odata.link import literal
from exact_simulator.odata.parse import Call, Compare, Expression, Junction, Name, Not, parse_filter
from exact_simulator.odata.sql import condition

ENDPOINT = Endpoint(
    path="/api/v1/{division}/crm/Things",
    service="crm",
    entity="Things",
    kind="rest",
    methods=("GET",),
    page_size=60,
    scope=None,
    properties=(
        Property(name="ID", edm_type="Edm.Guid", is_key=True),
        Property(name="Name", edm_type="Edm.String"),
        Property(name="Count", edm_type="Edm.Int32"),
        Property(name="Stamp", edm_type="Edm.Int64"),
        Property(name="Amount", edm_type="Edm.Double"),
        Property(name="Modified", edm_type="Edm.DateTime"),
        Property(name="IsMain", edm_type="Edm.Boolean"),
        Property(name="Photo", edm_type="Edm.Binary"),
    ),
)
ONE, TWO, THREE = (f"{n}1111111-1111-1111-1111-111111111111" for n in "123")
ROWS = [
    (ONE, "O'Brien ", 1, 2**53 + 1, 12.5, 1782404890063, 1),
    (TWO, "Smith", 2, 5, -0.1, 1767225600000, 0),
    (THREE, None, None, None, None, None, None),
]


def matching(text: str) -> list[str]:
    """Give the first letters of the guids that a filter selects."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (ID TEXT, Name TEXT, Count, Stamp, Amount REAL, Modified, IsMain)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
    clause = condition(parse_filter(text), ENDPOINT)
    found = connection.execute(f"SELECT ID FROM t WHERE {clause.sql} ORDER BY ID", clause.values)
    return [row[0][0] for row in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"ID eq guid'{ONE}'", "1"),
        (f"ID eq guid'{ONE.upper()}'", "1"),
        ("Name eq 'O''Brien '", "1"),
        ("trim(Name) eq 'O''Brien'", "1"),
        ("substringof('mit',Name)", "2"),
        ("substringof('MIT',Name) eq true", "2"),
        ("startswith(Name,'Smi')", "2"),
        ("startswith(trim(Name), 'O')", "1"),
        ("not startswith(Name,'Smi')", "1"),
        ("Count gt 1", "2"),
        ("Count ge 1 and Count lt 2", "1"),
        ("Count eq 1 or Count eq 2", "12"),
        ("Count eq 2 or Count eq 1 and Stamp eq 5", "2"),
        ("(Count eq 2 or Count eq 1) and Stamp eq 5", "2"),
        ("not (Count eq 1)", "2"),
        ("Count ne 1", "2"),
        ("Stamp eq 9007199254740993L", "1"),
        ("Stamp gt 9007199254740992", "1"),
        ("Amount eq 12.5M", "1"),
        ("Amount lt 0", "2"),
        ("Amount eq -1e-1", "2"),
        ("Modified gt datetime'2026-06-25T16:28:10.062'", "1"),
        ("Modified le datetime'2026-01-01'", "2"),
        ("Modified lt datetime'2026-01-01T00:00'", ""),
        ("IsMain eq true", "1"),
        ("IsMain eq false", "2"),
        ("Name eq null", "3"),
        ("null ne Name", "12"),
        ("12.5 eq Amount", "1"),
    ],
)
def test_a_filter_selects_what_it_says(text: str, found: str) -> None:
    assert "".join(matching(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Name",
        "Name eq",
        "Name eq 'a",
        "Name = 'a'",
        "Name eq 'a')",
        "(Name eq 'a'",
        "Name eq 'a' Name eq 'b'",
        "Nothing eq 1",
        "Name eq 1",
        f"Name eq guid'{ONE}'",
        f"ID eq '{ONE}'",
        "Modified eq '2026-01-01'",
        "Modified gt datetime'2026-01-01T00:00:00Z'",
        "Modified gt datetime'2026-02-30'",
        "Photo eq null",
        "Lines/Item eq 1",
        "length(Name) eq 1",
        "trim(Count) eq '1'",
        "trim(Name)",
        "Name gt null",
        "Count eq 99999999999999999999",
        "eq eq eq",
        "(" * 300 + "Count eq 1" + ")" * 300,
        "not " * 300 + "(Count eq 1)",
    ],
)
def test_a_malformed_filter_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        condition(parse_filter(text), ENDPOINT)


def test_a_malformed_guid_is_answered_with_the_recorded_text() -> None:
    with pytest.raises(QueryError, match=r"^Unrecognized 'Edm\.Guid' literal 'guid''' in '12'\.$"):
        list(tokens("Account1 eq guid''"))


names = st.sampled_from([Name("Count"), Name("Stamp"), Name("Amount")])
numbers = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda n: Value(n, "Edm.Int32")),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: Value(n, "Edm.Int64")),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda n: Value(n, "Edm.Double")),
)
strings = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])).map(
    lambda s: Value(s, "Edm.String")
)
comparisons: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Compare, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), names, numbers),
    st.builds(Compare, st.sampled_from(["eq", "ne"]), st.just(Name("Name")), strings),
    st.builds(lambda s: Call("substringof", (s, Name("Name"))), strings),
)
expressions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Junction, st.sampled_from(["and", "or"]), inner, inner), st.builds(Not, inner)
    ),
    max_leaves=8,
)


def written(expression: Expression) -> str:
    """Write an expression with all its parentheses."""
    match expression:
        case Junction(word, left, right):
            return f"({written(left)}) {word} ({written(right)})"
        case Not(operand):
            return f"not ({written(operand)})"
        case Compare(word, left, right):
            return f"{written(left)} {word} {written(right)}"
        case Call(function, arguments):
            return f"{function}({','.join(map(written, arguments))})"
        case Name(name):
            return name
        case Value(value, edm_type):
            return literal(value, str(edm_type))


@given(expressions)
def test_what_is_written_is_read_again(expression: Expression) -> None:
    assert parse_filter(written(expression)) == expression


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        condition(parse_filter(text), ENDPOINT)
    except QueryError:
        return


@pytest.mark.parametrize(
    ("value", "edm_type"),
    [
        (ONE, "Edm.Guid"),
        ("it's, 'so'", "Edm.String"),
        (1537503535617, "Edm.DateTime"),
        (5, "Edm.Int64"),
        (None, None),
    ],
)
def test_a_value_survives_a_skip_token(value: Any, edm_type: str | None) -> None:
    assert values(literal(value, str(edm_type))) == (Value(value, edm_type),)
