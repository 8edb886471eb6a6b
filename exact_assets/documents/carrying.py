"""Carries out what a row of the outbox asks for: the document first, then its file. It knows no rows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from exact_assets.control.document_writes import DocumentWrites, WriteStatus
from exact_assets.documents.access import Documents
from exact_assets.documents.client import update_key_of
from exact_assets.documents.files import FileContent, read_file
from exact_assets.documents.models import Document, WriteOutcome, WrittenDocument
from exact_assets.documents.orders import DocumentOrder, Operation, key_of_document
from exact_assets.documents.places import place_of
from exact_assets.errors import DocumentError, DocumentNotFoundError, ExactError, KeyUsedError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """A row that is done."""

    name: str
    division: int
    document: Document
    outcome: WriteOutcome


class OrderCarrier:
    """Writes documents and files as rows ask for them."""

    def __init__(self, documents: Documents, writes: DocumentWrites, *, places: Sequence[str]) -> None:
        """Prepare; nothing is asked.

        Args:
            documents: writes in Exact.
            writes: what was written before.
            places: the folders and addresses below which files may be.
        """
        self._documents = documents
        self._writes = writes
        self._places = places

    def carry_out(self, order: DocumentOrder) -> SentRow:
        """Write what a row asks for. A second time nothing is made, and what was made is returned.

        Raises:
            ExactAssetsError: it cannot be written; a file that cannot be read is found before anything is.
        """
        try:
            return self._carried_out(order)
        except KeyUsedError as error:
            raise DocumentError(
                "id: a row of this name was sent before, and asked for something else. Give this one another id. "
                f"({error})"
            ) from error

    def _carried_out(self, order: DocumentOrder) -> SentRow:
        is_missing = order.file is not None and not self._is_attached(order)
        file = read_file(place_of(order.file, self._places)) if order.file and is_missing else None
        written = self._written(order)
        outcome = written.outcome
        if file is not None:
            outcome = self._attached(order, written, file)
        return SentRow(
            name=order.name,
            division=order.division,
            document=self._with_address(order.division, written.document),
            outcome=outcome,
        )

    def known_document(self, name: str) -> str | None:
        """Return the ID of the document that a row is known to have made or changed; None: it did neither."""
        key = key_of_document(name)
        found = [self._writes.keyed(key), self._writes.keyed(update_key_of(key))]
        return next((one.document_id for one in found if one and one.status is WriteStatus.DONE), None)

    def _is_attached(self, order: DocumentOrder) -> bool:
        """Return whether its file is known to be there: it may be gone here since, or be written anew."""
        known = self._writes.keyed(order.file_key)
        return known is not None and known.status is WriteStatus.DONE

    def _written(self, order: DocumentOrder) -> WrittenDocument:
        key, fields = order.document_key, order.fields
        if fields is None or order.operation is Operation.ATTACH:
            return WrittenDocument(document=self._document(order), outcome=WriteOutcome.UNCHANGED)
        if order.operation is Operation.CREATE:
            return self._documents.create(order.division, fields, key=key)
        if order.operation is Operation.UPSERT:
            return self._documents.upsert(order.division, fields, by=order.by, key=key)
        return self._documents.update(order.division, self._document(order).id, fields, key=key)

    def _document(self, order: DocumentOrder) -> Document:
        """Return the document that a row names."""
        known = self._writes.keyed(order.document_key)
        if known is not None and known.document_id is not None:
            # As an earlier attempt has found it: it may have another subject since.
            return Document(id=UUID(known.document_id), division=order.division, subject=known.subject)
        search = order.search
        if search is None:
            raise DocumentNotFoundError("The row names no document.")
        found = self._documents.find_one(order.division, type=search.type, **{search.by: search.value})
        if found is None:
            raise DocumentNotFoundError(f"search: division {order.division} has no document with {search}.")
        return found

    def _attached(self, order: DocumentOrder, written: WrittenDocument, file: FileContent) -> WriteOutcome:
        """Attach the file; return what became of document and file together."""
        added = self._documents.add_attachment(
            order.division,
            written.document.id,
            file.content,
            name=file.name,
            replace=order.replace,
            key=order.file_key,
        )
        return added.outcome if written.outcome is WriteOutcome.UNCHANGED else written.outcome

    def _with_address(self, division: int, document: Document) -> Document:
        """Return a document with where it is looked at, which costs a call where Exact's answer was sparse."""
        if document.url is not None:
            return document
        try:
            return self._documents.find_one(division, id=document.id) or document
        except ExactError as error:
            # It is written, and that is what counts.
            _log.info("Document %s is written; where it is looked at is not known: %s", document.id, error)
            return document
