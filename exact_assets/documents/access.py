"""Documents for code that does not wait in a loop of its own: ops, assets, scripts and notebooks.

A thread beside the caller's does the waiting, so that it serves within a running loop, as of a notebook, too.
Nothing is opened before it is used.
"""

import getpass
import tempfile
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from anyio.from_thread import BlockingPortal, start_blocking_portal

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.documents.client import DocumentClient, FieldValues
from exact_assets.documents.files import FileContent, FileSource
from exact_assets.documents.lookup import DocumentSearch
from exact_assets.documents.models import Attachment, Document, WrittenAttachment, WrittenDocument
from exact_assets.errors import DocumentError

Got = TypeVar("Got")
Id = UUID | str


class Documents:
    """Documents and attachments in Exact Online. Each method waits until it is done."""

    def __init__(self, open_control: Callable[[], Control], *, actor: str | None = None, **options: Any) -> None:
        """Prepare; nothing is opened.

        Args:
            open_control: opens the control store.
            actor: who writes, for the log; None: the machine's user.
            options: of `DocumentClient`.
        """
        self._open_control = open_control
        self._actor = actor
        self._options = options
        self._open = ExitStack()
        self._opening = threading.Lock()
        """Threads that share this open it once."""
        self._held: tuple[BlockingPortal, DocumentClient] | None = None

    def __enter__(self) -> Self:
        """Use it for the length of a `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close what was opened."""
        self.close()

    def close(self) -> None:
        """Close what was opened; it is opened again by the next call."""
        with self._opening:
            self._held = None
            self._open.close()

    def find_one(self, division: int, *, type: int | None = None, **search: Any) -> Document | None:  # noqa: A002 - Exact's own name
        """Return the one document that a search fits; None: there is none.

        Args:
            division: in which.
            type: of this type only.
            search: one property and its value, such as `subject="Invoice 12"`, `id=…` or `sales_invoice_number=12`.

        Raises:
            SeveralDocumentsError: it fits several; the message lists them.
        """
        if len(search) != 1:
            raise DocumentError("DocumentSearch by one property, such as subject='Invoice 12' or id='…'.")
        ((by, value),) = search.items()
        wanted = DocumentSearch.of(by, value, type=type)
        return self._run(lambda client: client.find_one(division, wanted))

    def create(
        self, division: int, values: FieldValues, *, key: str | None = None, is_complete: bool = False
    ) -> WrittenDocument:
        """Make a new document. See `DocumentClient.create`."""
        return self._run(lambda client: client.create(division, values, key=key, is_complete=is_complete))

    def update(
        self, division: int, document_id: Id, values: FieldValues, *, key: str | None = None
    ) -> WrittenDocument:
        """Change a document, and verify that it is changed. See `DocumentClient.update`."""
        document = _guid(document_id)
        return self._run(lambda client: client.update(division, document, values, key=key))

    def upsert(
        self,
        division: int,
        values: FieldValues,
        *,
        by: str = "subject",
        key: str | None = None,
        is_complete: bool = False,
    ) -> WrittenDocument:
        """Update the one document that fits, or make it. See `DocumentClient.upsert`."""
        return self._run(lambda client: client.upsert(division, values, by=by, key=key, is_complete=is_complete))

    def add_attachment(
        self,
        division: int,
        document_id: Id,
        source: FileSource,
        *,
        name: str | None = None,
        replace: bool = False,
        key: str | None = None,
    ) -> WrittenAttachment:
        """Attach a file, unless it is attached already. See `AttachmentClient.add`."""
        document = _guid(document_id)
        return self._run(
            lambda client: client.attachments.add(division, document, source, name=name, replace=replace, key=key)
        )

    def find_attachments(
        self, division: int, document_id: Id, *, name: str | None = None, attachment_id: Id | None = None
    ) -> Sequence[Attachment]:
        """Return a document's attachments, or those of one file name, or the one of an ID."""
        document, one = _guid(document_id), None if attachment_id is None else _guid(attachment_id)
        found = self._run(lambda client: client.attachments.find(division, document, name=name))
        return [attachment for attachment in found if one in {None, attachment.id}]

    def download_attachment(
        self, division: int, attachment: Attachment | Id, *, to: Path | str | None = None
    ) -> FileContent:
        """Download a file; its hash comes with it.

        Args:
            division: in which.
            attachment: which.
            to: a file to write, or a folder in which it gets its own name; None: it is only returned.
        """
        which = attachment if isinstance(attachment, Attachment) else _guid(attachment)
        file = self._run(lambda client: client.attachments.download(division, which))
        if to is not None:
            _store(file, Path(to))
        return file

    def _run(self, work: Callable[[DocumentClient], Awaitable[Got]]) -> Got:
        portal, documents = self._opened()
        return portal.call(work, documents)

    def _opened(self) -> tuple[BlockingPortal, DocumentClient]:
        with self._opening, ExitStack() as opening:
            if self._held is None:
                control = self._open_control()
                portal = opening.enter_context(start_blocking_portal())
                client = opening.enter_context(portal.wrap_async_context_manager(control.client()))
                documents = DocumentClient(control, client, actor=self._actor or _user(), **self._options)
                self._held = portal, documents
                self._open = opening.pop_all()
            return self._held


def open_documents(config: ExactConfig | None = None) -> Documents:
    """Return documents for a script, to be used in a `with`.

    Args:
        config: None: as the environment has it.
    """
    chosen = config or ExactConfig.from_env()
    return Documents(lambda: Control.open(chosen))


def _guid(value: Id) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError as error:
        raise DocumentError(f"{str(value)[:50]!r} is no ID of Exact's, which is a UUID.") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def _store(file: FileContent, to: Path) -> None:
    """Write a file as a whole, or not at all. Under the name that Exact has for it, nothing is overwritten."""
    path = to
    if to.is_dir():
        own_name = PurePosixPath(file.name.replace("\\", "/")).name
        path = to / ("attachment" if own_name in {"", "..", "."} else own_name)
        if path.exists():
            raise DocumentError(f"{path} is there already: name the file to write, and it is overwritten.")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".exact-") as folder:
            part = Path(folder) / "part"
            part.write_bytes(file.content)
            part.replace(path)
    except OSError as error:
        raise DocumentError(f"{path} cannot be written: {error.strerror}.") from error
