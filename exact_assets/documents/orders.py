"""What a row of the outbox asks for, read as people wrote it: nothing is asked of Exact, and no file is opened."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from exact_assets.documents.lookup import SEARCHABLE, DocumentSearch
from exact_assets.documents.models import DocumentFields
from exact_assets.errors import DocumentError
from exact_assets.warehouse.edited import truth, whole_number
from exact_assets.warehouse.outbox import OutboxRow, RowStatus

LONGEST_ROW_NAME = 200
LONGEST_VALUE_SHOWN = 60


class Operation(StrEnum):
    """What is done."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"
    ATTACH = "attach"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOrder:
    """What a row asks for."""

    name: str
    """The row's, for good."""
    division: int
    operation: Operation
    fields: DocumentFields | None
    """None: nothing but a file is written."""
    by: str
    """Of an upsert: the field by which it is searched."""
    search: DocumentSearch | None
    """Of an update, and of a file alone: the document."""
    file: str | None
    """Where it is, as the row has it; None: none is attached."""
    replace: bool

    @property
    def document_key(self) -> str:
        """The key of the document's write."""
        return key_of_document(self.name)

    @property
    def file_key(self) -> str:
        """The key of the file's write."""
        return f"outbox file {self.name}"


def key_of_document(name: str) -> str:
    """Return the key under which the document of a row is written."""
    return f"outbox document {name}"


def read_order(row: OutboxRow, *, listed: Collection[int] | None) -> DocumentOrder:
    """Read a row.

    Args:
        row: as it stands in the outbox.
        listed: the divisions that Exact lists; None: it was not asked yet.

    Raises:
        DocumentError: it makes no sense, in a sentence that names the column.
    """
    _check_status(row.status)
    operation = _operation(row.operation)
    file, search = _given(row.file), _given(row.search)
    has_document = operation in {Operation.UPDATE, Operation.ATTACH}
    if operation is Operation.CREATE and search is not None:
        raise DocumentError("search: a create takes none; use upsert where the document may be there already.")
    if operation is Operation.ATTACH and file is None:
        raise DocumentError("file: an attach needs a file.")
    return DocumentOrder(
        name=_name(row.id),
        division=_division(row.division, listed),
        operation=operation,
        fields=_fields(row.fields, operation),
        by=_by(search) if operation is Operation.UPSERT else "subject",
        search=_search(search, operation) if has_document else None,
        file=file,
        replace=_truth(row.replace_file),
    )


def _check_status(status: str | None) -> None:
    if (status or "").strip().lower() not in {"", RowStatus.WAITING}:
        raise DocumentError(f"status: {_shown(status)} is none; a row that is to be sent has {RowStatus.WAITING}.")


def _operation(text: str | None) -> Operation:
    try:
        return Operation((text or "").strip().lower())
    except ValueError:
        raise DocumentError(f"operation: {_shown(text)} is none; expected {', '.join(Operation)}.") from None


def _name(text: str | None) -> str:
    if text is None or not text.strip() or len(text) > LONGEST_ROW_NAME:
        raise DocumentError(f"id: expected a name of the row's own, of 1 to {LONGEST_ROW_NAME} characters.")
    return text


def _division(text: str | None, listed: Collection[int] | None) -> int:
    division = None if text is None else whole_number(text)
    if division is None or division <= 0:
        raise DocumentError(f"division: {_shown(text)} is no division's number.")
    if listed is not None and division not in listed:
        raise DocumentError(
            f"division: Exact lists no division {division} for this connection. If it is new, run `exact-assets "
            "divisions refresh`, and set the row's status to waiting again."
        )
    return division


def _fields(text: str | None, operation: Operation) -> DocumentFields | None:
    values = _object("fields", text) if _given(text) else {}
    if operation is Operation.ATTACH:
        if values:
            raise DocumentError("fields: an attach writes none; use update where the document is to be changed.")
        return None
    if not values:
        raise DocumentError("fields: there is nothing to write: expected a JSON object.")
    return DocumentFields.read(values)


def _by(search: str | None) -> str:
    if search is not None and search not in SEARCHABLE:
        raise DocumentError(
            f"search: {_shown(search)} is no field by which an upsert can search; expected one of "
            f"{', '.join(SEARCHABLE)}."
        )
    return search or "subject"


def _search(search: str | None, operation: Operation) -> DocumentSearch:
    if search is None:
        raise DocumentError(f'search: an {operation} needs the document: its ID, or {{"subject": "…"}}.')
    if not search.startswith("{"):
        return DocumentSearch.of("id", search)
    values = dict(_object("search", search))
    kind = values.pop("type", None)
    if len(values) != 1 or not isinstance(kind, int | None):
        raise DocumentError('search: expected one field, and a type if you like: {"subject": "…", "type": 55}.')
    ((by, value),) = values.items()
    return DocumentSearch.of(by, value, type=kind)


def _object(column: str, text: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "", parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{column}: expected a JSON object; this cannot be read ({error}).") from error
    if not isinstance(found, dict):
        raise DocumentError(f"{column}: expected a JSON object, such as {{}}; this is another value.")
    return found


def _truth(text: str | None) -> bool:
    found = truth(text)
    if found is None:
        raise DocumentError(f"replace_file: {_shown(text)} is neither true nor false.")
    return found


def _given(text: str | None) -> str | None:
    """Return a text without white space around it; None where there is none."""
    return (text or "").strip() or None


def _shown(text: str | None) -> str:
    return (
        "null"
        if text is None
        else repr(text if len(text) <= LONGEST_VALUE_SHOWN else f"{text[:LONGEST_VALUE_SHOWN]}…")
    )
