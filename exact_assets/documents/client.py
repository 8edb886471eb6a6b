"""What can be done with documents: find, create, update, upsert. What is attached to them is in `attachments`.

Each write is noted in the control store before it is sent, under a lease that keeps other writers of ours away.
Where an answer was lost, what it may have made is looked for before anything is sent again.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from exact_assets.control.document_writes import Action, NotedWrite, WriteStatus
from exact_assets.control.open import Control
from exact_assets.documents.attachments import AttachmentClient
from exact_assets.documents.files import MOST_REQUEST_BYTES
from exact_assets.documents.leave import document_leases, require_leave
from exact_assets.documents.lookup import (
    DOCUMENT_SCHEMA,
    DOCUMENTS,
    DocumentLookup,
    DocumentSearch,
)
from exact_assets.documents.models import (
    Document,
    DocumentFields,
    WriteOutcome,
    WrittenDocument,
    differences,
)
from exact_assets.documents.sending import Sending, only_row
from exact_assets.errors import (
    AnswerError,
    DocumentError,
    DocumentNotFoundError,
    FileTooLargeError,
    SeveralDocumentsError,
)
from exact_assets.exact.client import ExactClient
from exact_assets.exact.question import Question
from exact_assets.exact.urls import guid_literal
from exact_assets.exact.write import JsonBody, Write

MOST_DOCUMENTS_LISTED = 10
FieldValues = DocumentFields | Mapping[str, Any]


class DocumentClient:
    """Documents of one site."""

    def __init__(
        self,
        control: Control,
        client: ExactClient,
        *,
        actor: str,
        settle_seconds: float = 10.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare; nothing is asked.

        Args:
            control: where writes are noted, and leases held.
            client: asks Exact.
            actor: who writes, for the log.
            settle_seconds: how long a request of which no answer came may still take to show its effect.
            sleep: waits for so many seconds.
        """
        self._control = control
        self._client = client
        self._lookup = DocumentLookup(client, control.document_writes)
        self._sending = Sending(
            control.document_writes, client, actor=actor, settle_seconds=settle_seconds, sleep=sleep
        )
        self.attachments = AttachmentClient(control, client, lookup=self._lookup, sending=self._sending)
        """Files that are attached to documents."""

    async def get(self, division: int, document_id: UUID) -> Document:
        """Return a document by its ID; raises DocumentNotFoundError where there is none."""
        found = await self._lookup.by_id(division, document_id)
        if found is None:
            raise DocumentNotFoundError(f"Division {division} has no document {document_id}.")
        return found

    async def find_one(self, division: int, search: DocumentSearch) -> Document | None:
        """Return the one document that a search fits; None: there is none.

        Raises:
            SeveralDocumentsError: it fits more than one.
        """
        found = await self._lookup.find(division, search)
        if len(found) > 1:
            raise SeveralDocumentsError(_several(division, search, found))
        return found[0] if found else None

    async def create(
        self, division: int, values: FieldValues, *, key: str | None = None, is_complete: bool = False
    ) -> WrittenDocument:
        """Make a new document, be there one of the same subject or not.

        Args:
            division: in which.
            values: the subject and the type at least.
            key: a name for this write, unique at this site: a second call with it makes nothing new.
            is_complete: whether to read the document where the answer holds its ID only.

        Raises:
            UncertainWriteError: it cannot be told whether it was made; the next call of the same looks again.
        """
        fields = self._writable(values)
        subject = _mandatory(fields)
        async with document_leases(self._control, division, [f"subject {subject}"]):
            created = await self._created(division, fields, key=key)
        return await self._completed(division, created) if is_complete else created

    async def update(
        self, division: int, document_id: UUID, values: FieldValues, *, key: str | None = None
    ) -> WrittenDocument:
        """Change a document, and verify that it is changed. What is not given stays as it is.

        Args:
            division: in which.
            document_id: which.
            values: what is changed.
            key: as for `create`: once it was changed, a second call with it does not undo what others did since.
        """
        fields = self._writable(values)
        _refuse_cleared(fields)
        async with document_leases(self._control, division, [f"id {document_id}"]):
            return await self._updated(division, await self.get(division, document_id), fields, key=key)

    async def upsert(
        self,
        division: int,
        values: FieldValues,
        *,
        by: str = "subject",
        key: str | None = None,
        is_complete: bool = False,
    ) -> WrittenDocument:
        """Update the one document of this type that has the same value of a property; make it where there is none.

        One that was renamed meanwhile is not found, so that it is made anew under the name that is given.

        Args:
            division: in which.
            values: the subject, the type and the property that is searched by at least.
            by: the property; `subject` or any other of `SEARCHABLE`.
            key: as for `create`.
            is_complete: likewise.

        Raises:
            SeveralDocumentsError: several have it. Nothing was written.
        """
        fields = self._writable(values)
        subject = _mandatory(fields)
        value = getattr(fields, by, None)
        if value is None:
            raise DocumentError(f"An upsert by {by} needs a value of it among the fields.")
        search = DocumentSearch.of(by, value, type=fields.type)
        async with document_leases(self._control, division, [f"subject {subject}", f"{by} {search.value}"]):
            before = self._sending.open_write(division, Action.CREATE, _digest(fields), key=key)
            if before is not None and (done := _document_of(before)) is not None:
                return WrittenDocument(document=done, outcome=WriteOutcome.UNCHANGED)
            found = await self._updated_before(division, fields, key=key) or await self.find_one(division, search)
            if found is not None:
                if before is not None:
                    self._sending.done(before, document_id=found.id)
                return await self._updated(division, found, fields, key=key and update_key_of(key))
            created = await self._created(division, fields, key=key)
        return await self._completed(division, created) if is_complete else created

    def _writable(self, values: FieldValues) -> DocumentFields:
        require_leave(self._control.config)
        fields = values if isinstance(values, DocumentFields) else DocumentFields.read(values)
        if not fields.given():
            raise DocumentError("There is nothing to write: no field is given.")
        if len(fields.payload()) > MOST_REQUEST_BYTES:
            raise FileTooLargeError(
                f"The document's fields have more than {MOST_REQUEST_BYTES:,} bytes: shorten its body."
            )
        return fields

    async def _created(self, division: int, fields: DocumentFields, *, key: str | None) -> WrittenDocument:
        """Make a document, under its lease."""
        question = Question(path=DOCUMENTS, params={}, schema=DOCUMENT_SCHEMA, key=("ID",))

        async def send() -> Document:
            body = JsonBody(content=fields.payload())
            answer = await self._client.write(division, DOCUMENTS, Write(method="POST", body=body), answer=question)
            rows = [] if answer is None else answer.rows.to_pylist()
            return Document.from_row(only_row(rows, "documents/Documents", division))

        async def look(noted: NotedWrite) -> Document | None:
            return await self._made_by(division, fields, noted)

        digest = _digest(fields)
        open_one = self._sending.open_write(division, Action.CREATE, digest, key=key)
        if open_one is not None and (done := _document_of(open_one)) is not None:
            return WrittenDocument(document=done, outcome=WriteOutcome.UNCHANGED)
        document = await self._sending.once(
            division,
            Action.CREATE,
            digest=digest,
            key=key,
            subject=fields.subject,
            before=open_one,
            send=send,
            look=look,
            made=lambda one: (one.id, None),
        )
        return WrittenDocument(document=document, outcome=WriteOutcome.CREATED)

    async def _made_by(self, division: int, fields: DocumentFields, noted: NotedWrite) -> Document | None:
        """Return the document that a request of ours may have made; other requests' documents are none of them."""
        found = await self._lookup.made_since(division, noted.sent_at, is_sure=noted.is_sure_of_time)
        known = self._control.document_writes.document_ids(division, str(fields.subject))
        named = [
            one
            for one in found
            if str(one.id) not in known and not {"subject", "type"} & {*differences(fields, one)}
        ]
        if not named:
            return None
        user = (await self._client.me()).user_id
        # Exact may have its own idea of some fields, and of who has made it; one of both must be as it should be.
        is_ours = {one.id: user is not None and str(one.creator) == user.lower() for one in named}
        candidates = [one for one in named if is_ours[one.id] or not [*differences(fields, one)]]
        if len(candidates) > 1:
            whole = [one for one in candidates if is_ours[one.id] and not [*differences(fields, one)]]
            candidates = whole or candidates
        if len(candidates) > 1:
            raise SeveralDocumentsError(
                f"The answer to a request that creates a document in division {division} was lost, and several "
                f"documents may be what it made. Nothing was sent again. {_listed(candidates)}"
            )
        return candidates[0] if candidates else None

    async def _updated(
        self, division: int, found: Document, fields: DocumentFields, *, key: str | None
    ) -> WrittenDocument:
        digest = _digest(fields)
        before = None if key is None else self._sending.open_write(division, Action.UPDATE, digest, key=key)
        is_same = not [*differences(fields, found)]
        is_body_same = (fields.body or "").strip(" ") == (found.body or "").strip(" ")
        is_all_same = is_same and (is_body_same or not fields.is_given("body"))
        if is_all_same and before is not None:
            self._sending.done(before, document_id=found.id)
        if is_all_same or (before is not None and before.status is WriteStatus.DONE):
            return WrittenDocument(document=found, outcome=WriteOutcome.UNCHANGED)
        path = f"{DOCUMENTS}({guid_literal(str(found.id))})"
        noted = before or self._sending.note(
            division,
            Action.UPDATE,
            digest=digest,
            subject=fields.subject or found.subject,
            key=key,
            document_id=found.id,
        )
        with self._sending.ending(noted, is_first=before is None):
            await self._client.write(division, path, Write(method="PUT", body=JsonBody(content=fields.payload())))
        self._sending.done(noted, document_id=found.id)
        stored = await self.get(division, found.id)
        if wrong := [*differences(fields, stored)]:
            raise AnswerError(
                f"Exact confirmed the update of document {found.id} in division {division}, and shows other values "
                f"of {', '.join(wrong)} than were written. Look at it in Exact Online.",
                division=division,
                endpoint="documents/Documents",
            )
        return WrittenDocument(document=stored, outcome=WriteOutcome.UPDATED)

    async def _updated_before(self, division: int, fields: DocumentFields, *, key: str | None) -> Document | None:
        """Return the document that an upsert of a key has found before: it may be called otherwise since."""
        if key is None:
            return None
        noted = self._sending.open_write(division, Action.UPDATE, _digest(fields), key=update_key_of(key))
        known = None if noted is None else noted.document_id
        return None if known is None else await self._lookup.by_id(division, UUID(known))

    async def _completed(self, division: int, written: WrittenDocument) -> WrittenDocument:
        return WrittenDocument(document=await self.get(division, written.document.id), outcome=written.outcome)


def _mandatory(fields: DocumentFields) -> str:
    if fields.subject is None or fields.type is None:
        raise DocumentError("A document needs a subject and a type.")
    return fields.subject


def _refuse_cleared(fields: DocumentFields) -> None:
    cleared = [name for name in ("subject", "type") if fields.is_given(name) and getattr(fields, name) is None]
    if cleared:
        raise DocumentError(f"A document's {' and '.join(cleared)} cannot be cleared.")


def _digest(fields: DocumentFields) -> str:
    return hashlib.sha256(fields.payload()).hexdigest()


def update_key_of(key: str) -> str:
    """Return the key of the update that an upsert becomes where the document is there."""
    return f"{key} (update)"


def _document_of(noted: NotedWrite) -> Document | None:
    """Return what a write that is done made, as far as it was noted; None: it is not done."""
    if noted.status is not WriteStatus.DONE or noted.document_id is None:
        return None
    return Document(id=UUID(noted.document_id), division=noted.division, subject=noted.subject)


def _several(division: int, search: DocumentSearch, found: Sequence[Document]) -> str:
    return (
        f"{len(found)} documents of division {division} have {search}: {_listed(found)} "
        "Name one by its ID, or rename the others."
    )


def _listed(found: Sequence[Document]) -> str:
    lines = [
        f"{one.id} (HID {one.hid}, made {one.created or 'at an unknown time'})"
        for one in found[:MOST_DOCUMENTS_LISTED]
    ]
    more = f" and {len(found) - MOST_DOCUMENTS_LISTED} more" if len(found) > MOST_DOCUMENTS_LISTED else ""
    return f"{', '.join(lines)}{more}."
