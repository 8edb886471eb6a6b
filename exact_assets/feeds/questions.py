"""The questions that feeds ask, made of tables and columns. Which filters they have is for `filters`."""

from collections.abc import Mapping, Sequence

from exact_assets.catalogue.reading import MODIFIED
from exact_assets.catalogue.table import Column, Feed, Parent, Table
from exact_assets.exact.question import Expand, Question
from exact_assets.feeds.rows import page_schema, select_list

SELECT = "$select"


def question_of_table(
    table: Table, filters: Mapping[str, str], *, path: str | None = None, is_selected: bool = True
) -> Question:
    """Ask for a table's own rows.

    Args:
        table: of which all columns are asked for.
        filters: `$filter` and `$orderby`, where there are.
        path: where its rows are; None: at the table's endpoint.
        is_selected: whether columns are named, which some functions refuse.
    """
    properties = {column.name: column.property for column in table.columns}
    key = tuple(properties[name] for name in table.key)
    # Without a Timestamp nothing tells the newer of two versions; a row may lack a Modified.
    version = (properties[table.version],) if table.version else ()
    select = {SELECT: select_list(table.columns)} if is_selected else {}
    return Question(
        path=path or table.endpoint,
        params={**filters, **select},
        schema=page_schema(table.columns),
        key=key,
        required=(*key, *version) if table.feed is Feed.SYNC else key,
        indispensable=(*version, *(properties[name] for name in table.year[:1])),
        check_division=table.checks_division,
    )


def question_of_lines(table: Table, parent: Parent, filters: Mapping[str, str]) -> Question:
    """Ask for headers with the lines of a table inside them."""
    line_key = tuple(column.property for column in table.columns if column.name in table.key)
    nested = ",".join(f"{parent.navigation}/{column.property}" for column in table.columns)
    return Question(
        path=parent.endpoint,
        params={**filters, SELECT: f"{select_list(parent.columns)},{nested}", "$expand": parent.navigation},
        schema=page_schema(parent.columns),
        key=(parent.key,),
        required=(parent.key,),
        indispensable=(MODIFIED, *parent.year[:1]),
        check_division=table.checks_division,
        expand=Expand(
            navigation=parent.navigation,
            key=parent.key,
            schema=page_schema(table.columns),
            line_key=line_key,
            line_required=line_key,
        ),
    )


def question_of_keys(
    table: Table, key: Sequence[Column], others: Sequence[Column], filters: Mapping[str, str], *, path: str
) -> Question:
    """Ask for keys alone, with what Exact or a check wants beside them."""
    columns = (*key, *others)
    return Question(
        path=path,
        params={**filters, SELECT: select_list(columns)},
        schema=page_schema(columns),
        key=tuple(column.property for column in key),
        required=tuple(column.property for column in key),
        check_division=table.checks_division,
    )
