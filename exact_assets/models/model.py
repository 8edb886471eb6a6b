"""What a model is: its facts and its statement, as its file has them. Nothing is run here.

The statement reads tables as `exact.crm_accounts`, so that people can run a file as it stands. Whoever builds a
model puts relations of its own in their place: rows that are gone, and other divisions, are left out there.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

_FILE = re.compile(r"/\*\n(.*?)\n\*/\n(.*)", re.DOTALL)
_SOURCE = re.compile(r"\bexact\.([a-z][a-z0-9_]*)")
_COMMENT = re.compile(r"--.*")
SELECTED_DIVISIONS = "divisions"
"""The division selection, which a statement may read as well; it is no table of Exact's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelColumn:
    """A column of a model."""

    name: str
    type: str
    """In the SQL that all warehouses share."""
    meaning: str
    sources: tuple[str, ...]
    """The columns that it is made of: `crm_accounts.name`. Empty: it is made of none, such as today's date."""


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table of which a model has a row for each row, which a check holds."""

    table: str
    condition: str = "TRUE"
    """In SQL: which of its rows."""
    sums: dict[str, str] = msgspec.field(default_factory=dict)
    """Columns of the model, and what of the table adds up to the same."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    description: str
    key: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    optional: tuple[str, ...] = ()
    origin: Origin | None = None
    follows_day: bool = False
    figures: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A table of schema `exact_bi` that is made of tables of Exact's, a division at a time."""

    name: str
    description: str
    key: tuple[str, ...]
    """Columns that tell a row from all others of its division."""
    columns: tuple[ModelColumn, ...]
    """Beside `division`, which is the first."""
    statement: str
    """A SELECT of `division` and the columns."""
    optional: frozenset[str] = frozenset()
    """Tables without which it is made as well: what they tell is empty."""
    origin: Origin | None = None
    follows_day: bool = False
    """Whether the day on which it is built is in it, so that it is built each day."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """What people look at, by name: statements that return `division` and `value`."""

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The tables that it reads, in the statement's order."""
        found = _SOURCE.findall(_COMMENT.sub("", self.statement))
        return tuple(dict.fromkeys(name for name in found if name != SELECTED_DIVISIONS))

    @property
    def required(self) -> tuple[str, ...]:
        """The tables without which it cannot be made."""
        return tuple(name for name in self.sources if name not in self.optional)

    @cached_property
    def version(self) -> str:
        """A digest that changes when its rows could look different."""
        facts = [self.statement, *(f"{column.name} {column.type}" for column in self.columns)]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]

    def over(self, relation_of: Callable[[str], str]) -> str:
        """Return the statement over other relations.

        Args:
            relation_of: returns what stands in the place of a table, by its name.
        """
        return _SOURCE.sub(lambda found: relation_of(found[1]), _COMMENT.sub("", self.statement))


def parse_model(name: str, text: str) -> Model:
    """Read a model's file.

    Raises:
        ValueError: it has no header, or one that is not as it should be.
    """
    parts = _FILE.fullmatch(text)
    if parts is None:
        raise ValueError(f"{name}.sql does not begin with a header in a comment")
    try:
        header = msgspec.toml.decode(parts[1], type=_Header)
    except msgspec.DecodeError as error:
        raise ValueError(f"{name}.sql: {error}") from error
    return Model(
        name=name,
        description=header.description,
        key=header.key,
        columns=tuple(
            ModelColumn(name=column, type=facts[0], meaning=facts[1], sources=facts[2:])
            for column, facts in header.columns.items()
        ),
        statement=parts[2].rstrip(),
        optional=frozenset(header.optional),
        origin=header.origin,
        follows_day=header.follows_day,
        figures=header.figures,
    )
