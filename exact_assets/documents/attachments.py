"""What can be done with the files that are attached to documents: find, add, replace, download.

Exact cannot change an attachment: one takes the place of another by being added before the other is removed.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from uuid import UUID

from exact_assets.control.document_writes import Action, NotedWrite, WriteStatus
from exact_assets.control.open import Control
from exact_assets.documents.files import AttachmentBody, FileContent, FileSource, read_file
from exact_assets.documents.leave import document_leases, require_leave
from exact_assets.documents.lookup import ATTACHMENT_SCHEMA, ATTACHMENTS, DocumentLookup
from exact_assets.documents.models import Attachment, WriteOutcome, WrittenAttachment
from exact_assets.documents.sending import Sending, only_row
from exact_assets.errors import AnswerError, AttachmentConflictError, DocumentNotFoundError, RequestRefusedError
from exact_assets.exact.client import ExactClient
from exact_assets.exact.question import Question
from exact_assets.exact.urls import guid_literal
from exact_assets.exact.write import Write


class AttachmentClient:
    """Attachments of one site."""

    def __init__(self, control: Control, client: ExactClient, *, lookup: DocumentLookup, sending: Sending) -> None:
        """Prepare; nothing is asked."""
        self._control = control
        self._client = client
        self._lookup = lookup
        self._sending = sending

    async def find(self, division: int, document_id: UUID, *, name: str | None = None) -> Sequence[Attachment]:
        """Return a document's attachments, or those of one file name."""
        found = await self._lookup.attachments(division, document_id)
        return [one for one in found if name is None or _name(one) == name.strip()]

    async def add(
        self,
        division: int,
        document_id: UUID,
        source: FileSource,
        *,
        name: str | None = None,
        replace: bool = False,
        key: str | None = None,
    ) -> WrittenAttachment:
        """Attach a file, unless the document has it already.

        Args:
            division: in which.
            document_id: to what.
            source: a path, bytes, a file that is open for reading bytes, or an address that fsspec knows.
            name: under which name; None: the source's own.
            replace: whether a file of the same name with other content is removed afterwards.
            key: as for `DocumentClient.create`: what is known to be attached costs no calls.

        Raises:
            AttachmentConflictError: there is one, and it is not to be replaced.
            FileTooLargeError: it does not fit into a request.
        """
        require_leave(self._control.config)
        file = await asyncio.to_thread(read_file, source, name=name)
        async with document_leases(self._control, division, [f"id {document_id}"]):
            return await self._attached(division, document_id, file, replace=replace, key=key)

    async def download(self, division: int, attachment: Attachment | UUID) -> FileContent:
        """Download a file with its hash; the token goes to no other host.

        Raises:
            AnswerError: what came is not as large as Exact says the file is.
        """
        found = attachment if isinstance(attachment, Attachment) else await self._attachment(division, attachment)
        if not found.url:
            raise AnswerError(f"Exact does not say where attachment {found.id} is.", division=division)
        mark = "&" if "?" in found.url else "?"
        content = await self._client.file(division, f"{found.url}{mark}Download=1")
        if found.file_size is not None and len(content) != found.file_size:
            raise AnswerError(
                f"Attachment {found.id} has {found.file_size:,} bytes, says Exact, and {len(content):,} came: it "
                "may be a page to log in, or be cut. Nothing was stored; try again later.",
                division=division,
            )
        return FileContent(_name(found), content)

    async def _attachment(self, division: int, attachment_id: UUID) -> Attachment:
        found = await self._lookup.attachment(division, attachment_id)
        if found is None:
            raise DocumentNotFoundError(f"Division {division} has no attachment {attachment_id}.")
        return found

    async def _attached(
        self, division: int, document_id: UUID, file: FileContent, *, replace: bool, key: str | None
    ) -> WrittenAttachment:
        """Attach a file, under its document's lease."""
        digest = _file_digest(document_id, file)
        before = self._sending.open_write(division, Action.ATTACH, digest, key=key)
        if before is not None and before.status is WriteStatus.DONE and before.attachment_id is not None:
            known = Attachment(id=UUID(before.attachment_id), document=document_id, file_name=file.name)
            return WrittenAttachment(attachment=known, outcome=WriteOutcome.UNCHANGED, sha256=file.sha256)
        same, others = await self._compared(division, document_id, file)
        outcome = WriteOutcome.UNCHANGED
        if others and not replace and not same:
            raise AttachmentConflictError(
                f"Document {document_id} of division {division} has a file {file.name} with other content already "
                f"({', '.join(str(one.id) for one in others)}). Give another name, or ask for it to be replaced."
            )
        if same:
            attachment = same[0]
            if before is not None:
                self._sending.done(before, document_id=document_id, attachment_id=attachment.id)
        else:
            attachment = await self._sent(division, document_id, file, key=key, before=before)
            outcome = WriteOutcome.REPLACED if others else WriteOutcome.ADDED
        if replace:
            for one in others:
                await self._removed(division, document_id, one)
                outcome = WriteOutcome.REPLACED
        return WrittenAttachment(attachment=attachment, outcome=outcome, sha256=file.sha256)

    async def _sent(
        self, division: int, document_id: UUID, file: FileContent, *, key: str | None, before: NotedWrite | None
    ) -> Attachment:
        question = Question(path=ATTACHMENTS, params={}, schema=ATTACHMENT_SCHEMA, key=("ID",))

        async def send() -> Attachment:
            body = AttachmentBody(document_id=document_id, file=file)
            answer = await self._client.write(
                division, ATTACHMENTS, Write(method="POST", body=body), answer=question
            )
            rows = [] if answer is None else answer.rows.to_pylist()
            return Attachment.from_row(only_row(rows, "documents/DocumentAttachments", division))

        async def look(_noted: NotedWrite) -> Attachment | None:
            same, _ = await self._compared(division, document_id, file)
            return same[0] if same else None

        return await self._sending.once(
            division,
            Action.ATTACH,
            digest=_file_digest(document_id, file),
            key=key,
            subject=file.name,
            before=before,
            send=send,
            look=look,
            made=lambda one: (document_id, one.id),
        )

    async def _compared(
        self, division: int, document_id: UUID, file: FileContent
    ) -> tuple[Sequence[Attachment], Sequence[Attachment]]:
        """Return the attachments of a file's name: those with its content, and those with another."""
        same, others = list[Attachment](), list[Attachment]()
        digest = _file_digest(document_id, file)
        sent = self._control.document_writes.last(division, Action.ATTACH, digest, status=WriteStatus.DONE)
        for one in await self.find(division, document_id, name=file.name):
            # What was attached never changes: there is no PUT.
            is_known = sent is not None and sent.attachment_id == str(one.id)
            is_same = is_known or one.file_size in {None, len(file.content)}
            if is_same and not is_known:
                content = await self.download(division, one)
                is_same = content.sha256 == file.sha256
            (same if is_same else others).append(one)
        return same, others

    async def _removed(self, division: int, document_id: UUID, attachment: Attachment) -> None:
        noted = self._sending.note(
            division,
            Action.REMOVE_ATTACHMENT,
            digest=str(attachment.id),
            subject=_name(attachment),
            document_id=document_id,
            attachment_id=attachment.id,
        )
        path = f"{ATTACHMENTS}({guid_literal(str(attachment.id))})"
        try:
            with self._sending.ending(noted):
                await self._client.write(division, path, Write(method="DELETE"))
        except RequestRefusedError as error:
            if error.status != 404:
                raise
            # It is gone: an answer was lost, or somebody else has removed it.
        self._sending.done(noted, document_id=document_id, attachment_id=attachment.id)


def _file_digest(document_id: UUID, file: FileContent) -> str:
    return hashlib.sha256(f"{document_id}\0{file.name}\0{file.sha256}".encode()).hexdigest()


def _name(attachment: Attachment) -> str:
    return (attachment.file_name or "").strip()
