"""Statements say what differs between engines by their dialect alone."""

from collections.abc import Iterator

import pytest

from exact_assets.warehouse.sql import choices, ddl, merge
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.types import SqlType
from exact_assets_tests.warehouse.tables import COMPOSITE, LINES, SNAPSHOT, SYNC

STRANGE = Dialect(
    engine="Strange",
    address="address_of_row",
    place="place_of_row",
    place_definition="place_of_row SERIAL",
    tables="SELECT 1",
    columns="SELECT 1",
    types={one: f"strange_{one.name.lower()}" for one in SqlType},
    quotes=("[", "]"),
    parameter="@{name}",
    temporary="#{name}",
    try_cast="SOFTLY({value} TO {type})",
    comment="EXPLAIN {kind} {name} BY {text}",
    add_column="WIDEN {table} BY {definition}",
    update="OVERWRITE {table} t WITH {values} OF {source} WHERE {condition}",
    mark="OVERWRITE {table} t WITH {values} WHERE {condition}",
    delete="REMOVE {table} {alias} WHERE {condition}",
)
NOT_ITS_OWN = ('"', "$", "rowid", "temp.", "VARCHAR", "INTEGER", "TIMESTAMP", "TRY_CAST", "COMMENT ON", " AS t SET")


def statements() -> Iterator[str]:
    """Yield one of each kind."""
    yield from ddl.create_streams(STRANGE)
    yield from ddl.create_selection(STRANGE)
    for table in (SYNC, SNAPSHOT, COMPOSITE, LINES):
        yield ddl.create_table(STRANGE, table)
        yield ddl.create_table(STRANGE, table, aside="_stage")
        yield ddl.table_comment(STRANGE, table)
        yield from ddl.column_comments(STRANGE, table, present={})
        yield from ddl.missing_columns(STRANGE, table, present={})
        yield ddl.missing_key(STRANGE, table)
        yield from ddl.create_live_view(STRANGE, table)
        yield merge.match_rows(STRANGE, table, "new", division=1, slice_condition="1 = 1")
        yield merge.choose_changed(STRANGE, table, "new", compare=True)
        yield merge.update_changed(STRANGE, table, "new", at="now")
        yield merge.insert_rows(STRANGE, table, "new", condition=merge.is_new(STRANGE), at="now")
        yield merge.find_difference(STRANGE, table, "new", condition=merge.is_not_hit(STRANGE))
        yield merge.drop_older(STRANGE, table, "new")
        yield merge.count_keys(STRANGE, table, "new")
        for is_soft in (True, False):
            yield merge.remove(STRANGE, table, "1 = 1", is_soft=is_soft, at="now")
    yield merge.count_hits(STRANGE)
    yield merge.count_changed(STRANGE)
    columns = {name: f"strange_{name}" for name in ddl.SHOWN}
    yield choices.select_choices(STRANGE, columns, first=choices.address(STRANGE))
    yield choices.insert(STRANGE, ["name"])
    yield choices.set_value(STRANGE, "sync_now")
    yield choices.set_shown(STRANGE, columns, "new")
    yield choices.report_sync(STRANGE, columns, "new")
    yield choices.take_back(STRANGE, "new")


@pytest.mark.parametrize("word", NOT_ITS_OWN)
def test_no_statement_says_what_another_engine_would(word: str) -> None:
    saying = [statement for statement in statements() if word in statement]
    assert saying == []


def test_what_a_dialect_quotes_cannot_end_the_quotes() -> None:
    assert STRANGE.quoted("a]b") == "[a]]b]"
    assert STRANGE.qualified("crm_accounts") == "[exact].[crm_accounts]"
    with pytest.raises(ValueError, match="cannot be a name"):
        STRANGE.quoted("")
