"""What Exact said it does not know: left out for a month, or until an upgrade, of the questions of one table."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from exact_assets.columns import with_columns, without_properties
from exact_assets.control import left_out
from exact_assets.control.database import open_database
from exact_assets.control.left_out import TRIED_AGAIN_AFTER, LeftOutProperties
from exact_assets.exact.page import Page
from exact_assets.exact.question import Expand, Question

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SCHEMA = pa.schema([("ID", pa.string()), ("Name", pa.string()), ("Code", pa.int32())])


@pytest.fixture
def store(control_url: str) -> LeftOutProperties:
    return LeftOutProperties(open_database(control_url, is_durable=False), site="s", client="c")


def test_what_is_left_out_is_tried_again_after_a_month(store: LeftOutProperties) -> None:
    store.note("crm_accounts", {"Name"}, now=NOW)
    store.note("crm_contacts", {"Code"}, now=NOW - TRIED_AGAIN_AFTER)
    assert store.read(now=NOW + timedelta(days=1)) == {"crm_accounts": {"Name"}}
    assert store.read(now=NOW + TRIED_AGAIN_AFTER) == {}
    store.note("crm_accounts", {"Name"}, now=NOW + TRIED_AGAIN_AFTER)
    assert store.read(now=NOW + TRIED_AGAIN_AFTER) == {"crm_accounts": {"Name"}}


def test_what_is_left_out_is_tried_again_after_an_upgrade(
    store: LeftOutProperties, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.note("crm_accounts", {"Name"}, now=NOW)
    monkeypatch.setattr(left_out, "version", lambda _: "99.0")
    assert store.read(now=NOW) == {}


def test_a_clock_that_was_ahead_does_not_leave_anything_out_for_longer(store: LeftOutProperties) -> None:
    store.note("crm_accounts", {"Name"}, now=NOW + timedelta(days=4_000))
    assert store.read(now=NOW) == {}


def test_a_property_is_left_out_of_what_is_asked_and_null_in_what_comes() -> None:
    question = Question(path="p", params={"$select": "ID,Name,Code", "$filter": "Name eq 'x'"}, schema=SCHEMA)
    asked = without_properties(question, frozenset({"Name"}))
    assert asked.params == {"$select": "ID,Code", "$filter": "Name eq 'x'"}
    rows = pa.table({"ID": ["a"], "Code": pa.array([1], pa.int32())}, schema=asked.schema)
    page = with_columns(Page(rows=rows, next_link=None, server_time=NOW), question, frozenset({"Name"}))
    assert page.rows.to_pylist() == [{"ID": "a", "Name": None, "Code": 1}]
    assert page.absent == {"Name"}


def test_a_property_of_lines_is_left_out_of_them_and_not_of_their_headers() -> None:
    expand = Expand(navigation="Lines", key="ID", schema=SCHEMA)
    params = {"$select": "ID,Name,Lines/ID,Lines/Name,Lines/Code", "$expand": "Lines"}
    question = Question(path="p", params=params, schema=SCHEMA, expand=expand)
    asked = without_properties(question, frozenset({"Name"}))
    assert asked.params["$select"] == "ID,Name,Lines/ID,Lines/Code"
    assert asked.schema == SCHEMA
    assert asked.expand is not None
    assert asked.expand.schema.names == ["ID", "Code"]
