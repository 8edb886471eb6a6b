"""The kept tables as dbt names them: a source with descriptions, keys and freshness. Values only.

https://docs.getdbt.com/reference/source-properties. How current a table is stands in the division selection, not in
its rows: where nothing changes at Exact, no row is written.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from exact_assets.catalogue.table import Table

FRESHNESS = "when the enabled division that is farthest behind was last brought up to date, in whatever table"


def dbt_sources(tables: Iterable[Table], *, schema: str, selection: str) -> Mapping[str, Any]:
    """Return the content of a `sources.yml`.

    Args:
        tables: those that are kept.
        schema: where they are in the warehouse; also the source's name.
        selection: the table of the division selection, with its schema.
    """
    loaded_at = f"SELECT min(coalesce(last_sync, TIMESTAMP '1970-01-01')) FROM {selection} WHERE sync_enabled"
    return {
        "version": 2,
        "sources": [
            {
                "name": schema,
                "schema": schema,
                "description": f"A copy of Exact Online. Freshness: {FRESHNESS}.",
                "config": {
                    "loaded_at_query": loaded_at,
                    "freshness": {
                        "warn_after": {"count": 12, "period": "hour"},
                        "error_after": {"count": 48, "period": "hour"},
                    },
                },
                "tables": [_table(table) for table in tables],
            }
        ],
    }


def _table(table: Table) -> Mapping[str, Any]:
    keys = table.primary_key
    columns = [{"name": "division", "description": "the division (administration) that the row was read from"}]
    columns += [
        {"name": one.name, "description": one.meaning or one.property}
        for one in table.columns
        if one.name != "division"
    ]
    columns.append({"name": "_year", "description": "the year whose partition holds the row"})
    columns.append({"name": "_loaded_at", "description": "when the row last changed here"})
    return {
        "name": table.name,
        "description": table.description,
        "config": {"meta": {"endpoint": table.endpoint, "primary_key": list(keys)}},
        "columns": [
            {**column, **({"data_tests": ["not_null"]} if column["name"] in keys else {})} for column in columns
        ],
    }
