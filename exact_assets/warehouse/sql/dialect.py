"""How one engine writes SQL, as a value: what is said in all engines alike stands beside this, not here.

Templates are filled by name. Every engine has one `Dialect`, in its own folder; nothing here knows any.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from exact_assets.warehouse.sql.names import SCHEMA, text
from exact_assets.warehouse.sql.types import STANDARD, SqlType

CUT = "~"
"""Stands where a name was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs from engine to engine."""

    engine: str
    """The engine's name, as people know it."""
    address: str
    """The column that tells a row from all others of its table, in a transaction and until the row is written."""
    place: str
    """The column that tells the order in which rows came, of rows that are staged or kept aside."""
    tables: str
    """Lists what a schema (the parameter `schema`) holds: `table_name` in lower case, `comment`, `has_key` (whether
    there is a primary key) and `is_view`."""
    columns: str
    """Lists the columns of a schema (the parameter `schema`), of views too: `table_name` and `column_name` in lower
    case, `data_type` and `comment`."""
    place_definition: str | None = None
    """How a table that is kept aside gets `place`; None: each has it."""
    has_transactional_ddl: bool = True
    """Whether tables can be made and dropped within a transaction. Where they cannot, they are made before it and
    emptied in it."""
    types: Mapping[SqlType, str] = field(default_factory=lambda: STANDARD)
    """Names of types, as they stand in a definition or a cast."""
    quotes: tuple[str, str] = ('"', '"')
    """What stands before and after an identifier; the latter is doubled within."""
    identifier_bytes: int | None = None
    """As many bytes as an identifier may have; a longer one is shortened by `fitted`. None: any number."""
    reserved: frozenset[str] = frozenset()
    """Names that no column may have, beside `address` and `place`."""
    indexes: str | None = None
    """Lists the indexes of a schema (the parameter `schema`): `index_name`. None: keys are enough."""
    parameter: str = "${name}"
    temporary: str = "temp.{name}"
    """A relation that only its connection sees."""
    try_cast: str = "TRY_CAST({value} AS {type})"
    """A cast that yields null for a value that it cannot convert; `type_text` is the type as a string."""
    comment: str = "COMMENT ON {kind} {name} IS {text}"
    add_column: str = "ALTER TABLE {table} ADD COLUMN {definition}"
    drop_column: str = "ALTER TABLE {table} DROP COLUMN {column}"
    rename_column: str = "ALTER TABLE {table} RENAME COLUMN {column} TO {name}"
    rename_table: str = "ALTER TABLE {table} RENAME TO {name}"
    """Within its schema."""
    update: str = "UPDATE {table} AS t SET {values} FROM {source} WHERE {condition}"
    """Overwrite rows `t` of a table by those of a source."""
    mark: str = "UPDATE {table} AS t SET {values} WHERE {condition}"
    """Overwrite rows `t` of a table."""
    delete: str = "DELETE FROM {table} AS {alias} WHERE {condition}"

    def quoted(self, name: str) -> str:
        """Quote an identifier: reserved words and quotes in names do no harm.

        Raises:
            ValueError: the name is empty or holds a NUL, which no database takes.
        """
        if not name or "\0" in name:
            raise ValueError(f"{name!r} cannot be a name in a database")
        before, after = self.quotes
        return f"{before}{self.fitted(name).replace(after, 2 * after)}{after}"

    def fitted(self, name: str) -> str:
        """Return a name as the engine has it: a long one is cut, and told from others by a digest of the whole.

        The number at its end stays, by which tables that keep a stream's rows aside are known.
        """
        if self.identifier_bytes is None or len(name.encode()) <= self.identifier_bytes:
            return name
        number = re.search(r"(?:_-?[0-9]+)?$", name)
        end = f"{CUT}{hashlib.sha256(name.encode()).hexdigest()[:8]}{number.group() if number else ''}"
        return name.encode()[: self.identifier_bytes - len(end)].decode(errors="ignore") + end

    def qualified(self, name: str, *, schema: str = SCHEMA) -> str:
        """Return a table's name with its schema."""
        return f"{self.quoted(schema)}.{self.quoted(name)}"

    def listed(self, names: Iterable[str], *, of: str | None = None) -> str:
        """Quote names and join them by commas, each as a column of the relation `of` if given."""
        return ", ".join(f"{of}.{self.quoted(name)}" if of else self.quoted(name) for name in names)

    def value(self, name: str) -> str:
        """Return the place of a value that is sent beside the statement."""
        return self.parameter.format(name=name)

    def working(self, name: str) -> str:
        """Return the name of a relation of the connection's own."""
        return self.temporary.format(name=self.quoted(name))

    def cast(self, value: str, type_: SqlType) -> str:
        """Convert a value, or fail."""
        return f"CAST({value} AS {self.types[type_]})"

    def tried(self, value: str, type_: SqlType | str) -> str:
        """Convert a value, to null where it cannot be; a type that is a string is the engine's own name."""
        named = self.types[type_] if isinstance(type_, SqlType) else type_
        return self.try_cast.format(value=value, type=named, type_text=text(named))

    def moment(self, moment: datetime) -> str:
        """Write a moment as a literal."""
        return self.cast(text(moment.isoformat()), SqlType.INSTANT)
