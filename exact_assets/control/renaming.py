"""Rows about tables that have another name by now are put under it, once in each process that opens the store."""

from functools import cache

import sqlalchemy as sa

from exact_assets.catalogue.renames import renames
from exact_assets.control.database import transaction
from exact_assets.control.tables import METADATA

TABLE_NAME = "table_name"
"""The column that names a table of the catalogue, in each of the shared tables that has one."""


@cache
def put_under_new_names(engine: sa.Engine) -> None:
    """Rename in rows; one of today's name beside it is older: only an earlier version writes former names."""
    now_of = {former: now for now, formers in renames().tables.items() for former in formers}
    with transaction(engine) as connection:
        for table in METADATA.sorted_tables:
            if TABLE_NAME not in table.c:
                continue
            column = table.c[TABLE_NAME]
            for former in connection.scalars(sa.select(column).distinct().where(column.in_(list(now_of)))).all():
                connection.execute(sa.delete(table).where(_is_doubled(table, former, now_of[former])))
                renamed = sa.update(table).where(column == former).values({TABLE_NAME: now_of[former]})
                connection.execute(renamed)


def _is_doubled(table: sa.Table, former: str, now: str) -> sa.ColumnElement[bool]:
    """Return whether a row of today's name stands where one of the former name goes."""
    other = table.alias()
    same = (other.c[one.name] == table.c[one.name] for one in table.primary_key if one.name != TABLE_NAME)
    return (table.c[TABLE_NAME] == now) & sa.exists().where(other.c[TABLE_NAME] == former, *same)
