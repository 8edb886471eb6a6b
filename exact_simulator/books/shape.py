"""What a base table is: its stored columns, what it refers to, and how endpoints show it. Values only.

Expressions for stored columns read the generator's `row` (see `sql`). Expressions for shown properties speak of
their own table as `@.Column`, of a row it refers to as `@Reference.Column`, of one that this refers to as
`@Reference>Other.Column`; `view` turns that into joins.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exact_simulator.facts import Endpoint

_TOKEN = re.compile(r"@([\w>]*)\.")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A column that holds the `_n` of a row in another base table, or null."""

    table: str
    expression: str | None = None
    """SQL for the row's number in its division, from 1; None: the generator's row has the column."""
    shown: str | None = None
    """Column of the other table that the property of this name shows; None: its identity."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is known by hand of a base table; the rules fill in the rest."""

    endpoints: tuple[str, ...] = ()
    """Relations that show it. Empty: those the rules of grouping give it."""
    count: int | None = None
    """Rows per division; None: by rule, or as the header has them."""
    stored: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    refers: Mapping[str, Reference | None] = field(default_factory=dict)
    """Overrides of the rules for references; None: not a reference."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Relations that show only some rows."""
    source: Literal["numbers", "documents", "lines", "entries"] = "numbers"
    """What its rows are generated from, see `generate`."""
    header: str | None = None
    """Base table that `lines` and `entries` are made from (column `_header`)."""
    taken: str = "1"
    """SQL condition on the header's columns: the headers that are taken."""
    line_numbers: tuple[int, ...] = ()
    """Line numbers beside the details of `lines`: 0 is the header, 9999 the VAT."""
    is_dated: bool | None = None
    """Business rows, from the first year on; None: by rule."""
    kept: int | None = None
    """So many of the first rows new documents may refer to, and cannot be deleted; None: all."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Kind that a row must have to show in a relation (`:kind` of the generator)."""
    is_lean: bool = False
    """Properties without a model are shown as null, not stored: for the big tables."""
    indexed: tuple[str, ...] = ()
    """More columns that are looked up or have ranges, each with the division before it. Dates of the biggest tables
    only: elsewhere SQLite had better walk the identities, in which order pages are."""
    merged: tuple[str, ...] = ()
    """Relations with a row per line that show the header's properties beside those of the line."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A base table."""

    name: str
    number: int
    identity: str | None
    """Column with the GUID of its rows; None: the key is something else."""
    endpoints: tuple[Endpoint, ...]
    columns: Mapping[str, str]
    """Stored columns and their expressions, without `_n`, `_division` and `Timestamp`."""
    references: Mapping[str, Reference]
    shown: Mapping[str, Mapping[str, str]]
    """Per relation: SQL of each property."""
    model: Model
    is_dated: bool
    """Business rows, which begin with the first year; others have been there for longer."""

    def where(self, relation: str) -> str | None:
        """Condition on the rows that a relation shows, in the language of shown expressions."""
        return self.model.where.get(relation)


def base(name: str) -> str:
    """SQL name of a base table."""
    return f'"base_{name}"'


def tokens(expression: str) -> set[str]:
    """References that a shown expression speaks of; the own table is ''."""
    return set(_TOKEN.findall(expression))


def alias(path: str) -> str:
    """Table alias of a token."""
    return "b" + "".join(f"_{part}" for part in path.split(">") if part)


def resolve(expression: str) -> str:
    """A shown expression with table aliases in the place of its tokens."""
    return _TOKEN.sub(lambda found: alias(found[1]) + ".", expression)


def through(reference: str, expression: str) -> str:
    """A shown expression of another table as seen from a row that refers to it."""
    return _TOKEN.sub(lambda found: f"@{reference}>{found[1]}." if found[1] else f"@{reference}.", expression)
