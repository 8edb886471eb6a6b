"""Names in the warehouse: schema, own tables and columns, and how standard SQL quotes. No types and no statements.

The functions are for SQL that every warehouse takes, as checks write it; a statement of one engine's own is quoted
by its `Dialect`.
"""

from collections.abc import Iterable

SCHEMA = "exact"
LIVE_SCHEMA = "exact_live"
"""Views of the rows that Exact still has, where the others are kept."""
MODELS_SCHEMA = "exact_bi"
"""Models made of the tables."""
READ_SCHEMAS = (SCHEMA, LIVE_SCHEMA, MODELS_SCHEMA)
"""What people read."""
STREAMS = "_streams"
SELECTION = "divisions"
OUTBOX = "document_outbox"

DIVISION = "division"
YEAR = "_year"
LOADED_AT = "_loaded_at"
DELETED_AT = "deleted_at"


def quoted(name: str) -> str:
    """Quote an identifier, as standard SQL has it: reserved words and quotes in names do no harm.

    Raises:
        ValueError: the name is empty or holds a NUL, which no database takes.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot be a name in a database")
    return '"' + name.replace('"', '""') + '"'


def qualified(name: str, *, schema: str = SCHEMA) -> str:
    """Return a table's name with its schema."""
    return f"{quoted(schema)}.{quoted(name)}"


def stage_name(table: str, division: int) -> str:
    """Name the table that keeps a stream's rows aside until they replace what is there."""
    return f"_stage_{table}_{division}"


def sweep_name(table: str, division: int) -> str:
    """Name the table that keeps a sweep's keys until the last have come."""
    return f"_sweep_{table}_{division}"


def listed(names: tuple[str, ...], *, of: str | None = None) -> str:
    """Quote names and join them by commas, each as a column of the relation `of` if given."""
    return ", ".join(f"{of}.{quoted(name)}" if of else quoted(name) for name in names)


def text(value: str) -> str:
    """Quote a string."""
    return "'" + value.replace("'", "''") + "'"


def one_of(values: Iterable[int | str]) -> str:
    """Return the list that follows IN; one without values holds for nothing."""
    listed_values = ", ".join(text(value) if isinstance(value, str) else str(int(value)) for value in values)
    return f"({listed_values or 'NULL'})"
