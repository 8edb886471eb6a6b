"""Names that earlier versions gave to tables and columns, so that what they made is found and renamed.

Data, `renames.json`: former names by table, and by Exact's property. An entry stays for good: somebody may come
from any version. How things are renamed is decided where they are kept.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from exact_assets.catalogue.table import Table


class Renames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Former names, the oldest first."""

    tables: dict[str, tuple[str, ...]]
    """By today's name."""
    columns: dict[str, tuple[str, ...]]
    """By Exact's property: another property may have had a name all along that one of these once had."""


@cache
def renames() -> Renames:
    """Read the data file."""
    return msgspec.json.decode((files("exact_assets.catalogue") / "renames.json").read_bytes(), type=Renames)


def former_tables(name: str) -> tuple[str, ...]:
    """Return what a table was called before."""
    return renames().tables.get(name, ())


def former_columns(table: Table) -> Mapping[str, str]:
    """Return today's names of a table's columns by what they were called before."""
    known = renames().columns
    return {
        former: column.name
        for column in table.columns
        if column.property in known
        for former in known[column.property]
        if former != column.name
    }
