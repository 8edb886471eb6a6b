"""What Exact is asked for rows: one value from the feed that asks down to the address. Sending it is `sender`'s."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Expand:
    """A collection to read inside its parents: `$expand` and the nested names in `$select` are up to the caller."""

    navigation: str
    """The collection's property, such as `PurchaseEntryLines`."""
    key: str
    """The parent's key property, which becomes `parent_key`."""
    schema: pa.Schema
    """The lines' properties, as `schema` for the parents."""
    line_key: tuple[str, ...] = ()
    """As `Question.key`, of the lines."""
    line_required: tuple[str, ...] = ()
    """As `Question.required`, of the lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of which the answer is a chain of pages."""

    path: str
    """Such as `/api/v1/{division}/sync/CRM/Accounts`; the division that is asked fills it in."""
    params: Mapping[str, str]
    """`$select`, `$filter` and so on, unencoded."""
    schema: pa.Schema
    """Exact's property names with the Arrow types they are to become."""
    key: tuple[str, ...] = ()
    """Properties that name a row in messages."""
    required: tuple[str, ...] = ()
    """Properties without which a row cannot be kept: one that has no value for them is set aside."""
    indispensable: tuple[str, ...] = ()
    """Properties that a row may lack, but not all rows: an answer in which they do not come at all is an error."""
    check_division: bool = True
    """Whether each row's Division must be the one asked, where `schema` has it."""
    expand: Expand | None = None
    """The collection that comes inside the rows."""
