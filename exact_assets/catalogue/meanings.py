"""What tables and columns mean, in words, and which column of which table a column refers to.

Data after Exact's public reference, in words of our own: `meanings.json` and `references.json`. What holds for a
property wherever it stands is said once; what is particular to a table, there. Rules do the rest: a code or name
beside a key is that of what the key names. What the data does not say stays unsaid: nothing is guessed of a name.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

import msgspec

from exact_assets.catalogue.table import Column, Header

_FAMILIES = (
    (r"FreeBoolField_(\d+)", "free field {0} of the division's own: yes or no"),
    (r"FreeDateField_(\d+)", "free field {0} of the division's own: a date"),
    (r"FreeNumberField_(\d+)", "free field {0} of the division's own: a number"),
    (r"FreeTextField_(\d+)", "free field {0} of the division's own: text"),
    (r"Class_(\d+)", "class of the item in its assortment, property {0}"),
    (r"Classification(\d)", "value of the relation for the kind of classification with number {0}"),
    (r"AgeGroup(\d)", "number of the age group that comes as number {0}"),
    (r"AgeGroup(\d)Amount", "what is open in age group {0}, in the division's own currency"),
    (r"AgeGroup(\d)Description", "which days overdue age group {0} covers"),
)
_BESIDE = (
    ("FullName", "full name"),
    ("Fullname", "full name"),
    ("Code", "code"),
    ("Description", "description"),
    ("Name", "name"),
    ("Number", "number"),
)
"""Endings of properties that tell of what another property names, longest first."""


class Meanings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data of `meanings.json`."""

    properties: dict[str, str]
    tables: "dict[str, TableMeaning]"


class TableMeaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is particular to a table."""

    note: str
    """What a row is, and what leads readers astray."""
    columns: dict[str, str]


class References(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data of `references.json`: `table.column` by property."""

    properties: dict[str, str]
    tables: dict[str, dict[str, str | None]]
    """What is particular to a table; None: refers to nothing that is kept."""


@cache
def meanings() -> Meanings:
    """Read the data file."""
    return msgspec.json.decode((files("exact_assets.catalogue") / "meanings.json").read_bytes(), type=Meanings)


@cache
def references() -> References:
    """Read the data file."""
    return msgspec.json.decode((files("exact_assets.catalogue") / "references.json").read_bytes(), type=References)


def note_of(table: str) -> str:
    """Return what a row of a table is; empty: nothing is said."""
    found = meanings().tables.get(table)
    return found.note if found else ""


def meaning_of(table: str, name: str, columns: Mapping[str, str]) -> str:
    """Return what a property means in a table; empty: nothing is said.

    Args:
        table: its name.
        name: Exact's name of the property.
        columns: the names of the table's columns, by property.
    """
    known = meanings()
    own = known.tables.get(table)
    said = (own.columns.get(name) if own else None) or known.properties.get(name)
    return said or _of_family(name) or _beside(name, columns)


def reference_of(table: str, name: str) -> str | None:
    """Return the `table.column` that a property of a table refers to."""
    own = references().tables.get(table, {})
    return own[name] if name in own else references().properties.get(name)


def described(
    table: str, columns: tuple[Column, ...], key: tuple[str, ...], header: Header | None
) -> tuple[Column, ...]:
    """Return columns with their meanings and references. A table's only key refers to nothing."""
    names = {column.property: column.name for column in columns}
    found = {column.name: reference_of(table, column.property) for column in columns}
    if header is not None and header.table != table:
        found[header.column] = f"{header.table}.{header.header_column}"
    if len(key) == 1:
        found[key[0]] = None
    found = {name: None if where == f"{table}.{name}" else where for name, where in found.items()}
    return tuple(
        replace(column, meaning=meaning_of(table, column.property, names), references=found[column.name])
        for column in columns
    )


def _of_family(name: str) -> str:
    for pattern, words in _FAMILIES:
        if found := re.fullmatch(pattern, name):
            return words.format(*(int(number) for number in found.groups()))
    return ""


def _beside(name: str, columns: Mapping[str, str]) -> str:
    for ending, words in _BESIDE:
        base = name.removesuffix(ending)
        for key in (base, f"{base}ID", f"{base}Id"):
            if base != name and base and key in columns:
                return f"{words} of what {columns[key]} names"
    return ""
