"""Skip tokens: pages in any order, with nulls and either direction, hold every row once."""

import sqlite3
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exact_simulator.odata.lexer import values
from exact_simulator.odata.link import next_link, token_text
from exact_simulator.odata.query import parse_query
from exact_simulator.odata.sql import SortColumn, after, order_by

RECORDED = (
    "https://start.exactonline.fr/api/v1/124132/financial/GLAccounts?$orderby=Modified%20asc"
    "&$select=ID,Code,Description,Modified&$top=40"
    "&$skiptoken=datetime'2018-09-21T04%3A18%3A55.617',guid'cbddbd5c-5f0e-4b3b-8d5e-6ef3ab2f1c11'"
)


def test_a_link_is_written_as_recorded() -> None:
    query = parse_query("$orderby=Modified%20asc&$select=ID,Code,Description,Modified&$skip=0&$top=100")
    token = token_text(
        (1537503535617, "cbddbd5c-5f0e-4b3b-8d5e-6ef3ab2f1c11"),
        ("Edm.DateTime", "Edm.Guid"),
    )
    url = "https://start.exactonline.fr/api/v1/124132/financial/GLAccounts"
    assert next_link(url, query, token=token, top=40) == RECORDED


def test_a_link_that_is_followed_replaces_its_token() -> None:
    query = parse_query(RECORDED.partition("?")[2])
    link = next_link("http://h/p", query, token="guid'x'", top=1)
    assert link.count("$skiptoken") == 1
    assert link.endswith("$top=1&$skiptoken=guid'x'")


def test_the_encoded_dollar_is_read_as_well() -> None:
    query = parse_query("%24select=ID&%24skiptoken=5L")
    assert query.select == ("ID",)
    assert query.skiptoken is not None


rows_of_values = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.text("ab'", max_size=2))),
    max_size=25,
)


@given(rows_of_values, st.booleans(), st.booleans(), st.integers(1, 7))
def test_a_chain_of_pages_is_the_whole_in_order(
    given_rows: list[tuple[Any, Any]], first_descends: bool, second_descends: bool, size: int
) -> None:
    columns = (
        SortColumn("a", "Edm.Int32", first_descends),
        SortColumn("b", "Edm.String", second_descends),
        SortColumn("k", "Edm.Int32"),
    )
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a, b, k)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(*row, k) for k, row in enumerate(given_rows)])
    whole = connection.execute(f"SELECT a, b, k FROM t ORDER BY {order_by(columns)}").fetchall()
    chained: list[Any] = []
    where, bound = "1", ()
    while True:
        sql = f"SELECT a, b, k FROM t WHERE {where} ORDER BY {order_by(columns)} LIMIT {size}"
        page = connection.execute(sql, bound).fetchall()
        chained += page
        if not page:
            break
        clause = after(columns, values(token_text(page[-1], [column.edm_type for column in columns])))
        where, bound = clause.sql, clause.values
    assert chained == whole
