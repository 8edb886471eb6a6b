"""Arrow rows as PostgreSQL takes them: by COPY, as CSV that Arrow itself writes, and with what text cannot hold."""

import logging
from collections.abc import Mapping
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.types import SqlType, type_of_arrow

NUL, SHOWN_NUL = "\0", "\u2400"
"""The one character that PostgreSQL's text cannot hold, and the one that Unicode has to show it."""

_log = logging.getLogger(__name__)


def definition(dialect: Dialect, rows: pa.Table, types: Mapping[str, SqlType]) -> str:
    """Return the columns of a table for rows, of the types that Arrow's become or of others, and their order."""
    columns = (
        f"{dialect.quoted(field.name)} {dialect.types[types.get(field.name) or type_of_arrow(field.type)]}"
        for field in rows.schema
    )
    return ", ".join((*columns, f"{dialect.quoted(dialect.place)} bigint"))


def encoded(rows: pa.Table, *, place: str, subject: str) -> memoryview:
    """Return rows as CSV, with their order as the last column.

    All texts are quoted and nulls are not, so that an empty text is none. A text of a backslash and a dot on a line
    of its own does not end the rows: a record begins with a quote or a number.
    """
    numbered = pa.array(range(rows.num_rows), pa.int64())
    # In one piece: Arrow's writer (26.0) begins with 32 KB of whatever was in memory if the first piece is empty.
    whole = _without_nul(rows, subject=subject).append_column(place, numbered).combine_chunks()
    target = BytesIO()
    csv.write_csv(whole, target, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return target.getbuffer()


def _without_nul(rows: pa.Table, *, subject: str) -> pa.Table:
    """Put the sign for NUL in its place, and say so: a row is worth more than its unprintable character."""
    for number, field in enumerate(rows.schema):
        if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            continue
        column = rows.column(number)
        found = pc.sum(pc.match_substring(column, NUL)).as_py()
        if found:
            _log.warning(
                "%s: %d values of %s hold the character NUL, which PostgreSQL cannot; it is stored as %s (U+2400)",
                subject,
                found,
                field.name,
                SHOWN_NUL,
            )
            rows = rows.set_column(number, field, pc.replace_substring(column, NUL, SHOWN_NUL))
    return rows
