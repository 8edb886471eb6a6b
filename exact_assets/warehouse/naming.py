"""Names in the warehouse: schema, own tables and columns, and how a name is quoted. No types and no statements."""

SCHEMA = "exact"
LIVE_SCHEMA = "exact_live"
"""Views of the rows that Exact still has, where the others are kept."""
STREAMS = "_streams"
DIVISIONS = "divisions"

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
    """Give a table's name with its schema."""
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
