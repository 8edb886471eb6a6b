"""A question to a warehouse in SQL: values only. What it means is known to whoever asks it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

QueryRows = Sequence[Mapping[str, Any]]
"""Rows by column name, in the statement's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A statement that reads, in the SQL that all warehouses share."""

    statement: str
    relations: Mapping[str, pa.Table] = field(default_factory=dict)
    """Rows that it reads beside those in the warehouse, by the name it has for them."""
