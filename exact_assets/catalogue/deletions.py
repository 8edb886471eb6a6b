"""What Exact's deletion log (`sync/Deleted`) is about: which tables its entity types name.

The types are data (`entity_types.json`), after the list in Exact's reference of the sync API. The log holds two
months; what it does not cover is found by a sweep of keys.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files

from exact_assets.catalogue.table import Feed, Table

LOG = "sync_deleted"
"""The table that holds the log."""
KEPT = timedelta(days=58)
"""How long Exact keeps an entry, two months, less a margin for the shortest two."""


@cache
def types_of() -> Mapping[str, frozenset[int]]:
    """Return the entity types that name a table's rows, by table; a table that is not there is not covered.

    Old types (11, 12) were written for headers and lines alike. A type that names a sync feed with a row per line
    (13, 22) may name a line or its header: keys are GUIDs, so that trying both does no harm.
    """
    text = (files("exact_assets.catalogue") / "entity_types.json").read_text()
    found: dict[str, set[int]] = {}
    for number, names in json.loads(text).items():
        for name in names:
            found.setdefault(name, set()).add(int(number))
    return {name: frozenset(numbers) for name, numbers in found.items()}


def without_log(chosen: Iterable[Table]) -> tuple[Table, ...]:
    """Return the tables whose deletions only a sweep of keys finds: read by Modified, or through their headers.

    Sync feeds have the log, what is read whole needs neither, and the sweep of headers takes their lines along.
    """
    tables = tuple(chosen)
    names = {table.name for table in tables}
    return tuple(
        table
        for table in tables
        if table.feed is Feed.MODIFIED
        or (table.feed is Feed.PARENT and not (table.header and table.header.table in names))
    )


def with_log(chosen: Iterable[Table]) -> tuple[Table, ...]:
    """Return the tables whose deletions the log tells, if the user may read it: sync feeds, but for the log."""
    return tuple(table for table in chosen if table.feed is Feed.SYNC and table.name != LOG)
