"""The outbox, a table to which people add rows in SQL: what stands in it, how a row ends, and what is said of it.

Values and sentences only. Statements are in `sql`; what a row asks for is read where documents are written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exact_assets.warehouse.sql.names import OUTBOX, SCHEMA

OUTBOX_TABLE = f"{SCHEMA}.{OUTBOX}"


class RowStatus(StrEnum):
    """How far a row is."""

    WAITING = "waiting"
    """As a row that has no status."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A row as it stands there, every value as text, whatever the column's type; None: it is null."""

    id: str | None
    division: str | None
    operation: str | None
    search: str | None
    fields: str | None
    file: str | None
    replace_file: str | None
    status: str | None
    created_at: str | None
    attempts: int = 0
    """Begun so far, this one included. It is ours, so that it tells nothing of whether a row was edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEnd:
    """What is to be written of an attempt at a row."""

    status: RowStatus
    attempts: int
    document_id: str | None = None
    document_url: str | None = None
    error: str | None = None
    at: datetime | None = None
    """When it was done or failed; None: it waits."""
    retry_at: datetime | None = None
    """When it is tried again; None: as soon as there is somebody to."""


def outbox_is_view() -> str:
    """Return the sentence for a view in the table's place."""
    return (
        f"{OUTBOX_TABLE} is a view, in which nothing can be written: drop it, and the table is made anew. "
        "Until then no row of it is sent."
    )


def outbox_lacks(columns: Iterable[str]) -> str:
    """Return the sentence for a table without some of the columns that tell what is asked for."""
    return (
        f"{OUTBOX_TABLE} lacks a column that is needed ({', '.join(columns)}): add it, or rename the table, and it "
        "is made anew. Until then no row of it is sent."
    )


def outbox_hides_addresses(column: str) -> str:
    """Return the sentence for a table with a column of its own that has the name of the rows' addresses."""
    return (
        f"{OUTBOX_TABLE} has a column {column} of its own, which hides the rows' addresses: drop it, or rename it."
    )


def outbox_refuses(why: str) -> str:
    """Return the sentence for a table that cannot be read, or takes no value of ours."""
    return (
        f"{OUTBOX_TABLE} cannot be read or written ({why}): give its columns their types again, or rename the "
        "table, and it is made anew. What was sent stays known, and is not sent twice."
    )
