"""Sends a request that makes something new once, whatever becomes of its answer. What is made is the caller's.

It is noted before it is sent. Where no answer came, what it may have made is looked for, at once and again when a
request that was under way must have been carried out; only then is it sent again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from exact_assets.control.document_writes import Action, DocumentWrites, NotedWrite, WriteStatus
from exact_assets.errors import (
    AnswerError,
    ExactError,
    ForbiddenError,
    KeyUsedError,
    RequestRefusedError,
    ScopeMissingError,
    UnavailableError,
    UncertainWriteError,
)
from exact_assets.exact.client import ExactClient

_log = logging.getLogger(__name__)

Made = TypeVar("Made")
MOST_SENDS = 3
LONGEST_WRITE = timedelta(minutes=10)
"""After this a request that was sent is not under way any more."""
SCOPE = "The app registration needs the scope organization/documents, Manage."


class Sending:
    """Sends writes of one process, and logs them."""

    def __init__(
        self,
        writes: DocumentWrites,
        client: ExactClient,
        *,
        actor: str,
        settle_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare; nothing is sent."""
        self._writes = writes
        self._client = client
        self._actor = actor
        self._settle_seconds = settle_seconds
        self._sleep = sleep

    def open_write(self, division: int, action: Action, digest: str, *, key: str | None) -> NotedWrite | None:
        """Return the write of which this is a repetition: that of its key, or one of the same content that is open.

        Who holds the lease finds no other's: an open one was left by a process that ended, or by a lost answer.
        """
        if key is not None:
            known = self._writes.keyed(key)
            if known is not None and (known.division, known.action, known.digest) != (division, action, digest):
                raise KeyUsedError(
                    f"The key {key!r} was used for another document, or for other values, at "
                    f"{known.noted_at:%Y-%m-%d %H:%M} UTC. Nothing was sent: use a key for one document only."
                )
            return known
        return self._writes.last(division, action, digest, status=WriteStatus.OPEN)

    def note(
        self,
        division: int,
        action: Action,
        *,
        digest: str,
        subject: str | None,
        key: str | None = None,
        document_id: UUID | None = None,
        attachment_id: UUID | None = None,
    ) -> NotedWrite:
        """Note a write that is about to be sent."""
        return self._writes.note(
            division,
            action,
            key=key,
            actor=self._actor,
            subject=subject,
            digest=digest,
            sent_at=self._client.server_now(),
            is_sure_of_time=self._client.knows_time,
            document_id=_text(document_id),
            attachment_id=_text(attachment_id),
        )

    def done(self, noted: NotedWrite, *, document_id: UUID, attachment_id: UUID | None = None) -> None:
        """Note that a write was carried out, and log it."""
        self._writes.done(noted.number, document_id=str(document_id), attachment_id=_text(attachment_id))
        file = "" if attachment_id is None else f", attachment {attachment_id}"
        _log.info(
            "%s by %s: document %s of division %d%s", noted.action, self._actor, document_id, noted.division, file
        )

    @contextmanager
    def ending(self, noted: NotedWrite, *, is_first: bool = True) -> Iterator[None]:
        """Note an error that leaves the block, where it says that nothing was written.

        Args:
            noted: the write.
            is_first: whether it was not sent before; else only a refusal of what it says ends it.
        """
        try:
            yield
        except (UncertainWriteError, AnswerError):
            raise
        except ScopeMissingError as error:
            self._refused(noted, error)
            raise ScopeMissingError(f"{error} {SCOPE}", **_facts(error)) from error
        except UnavailableError as error:
            # Of a POST it means that it was held back; the others were sent until it was enough.
            if is_first and noted.action in {Action.CREATE, Action.ATTACH}:
                self._refused(noted, error)
            raise
        except ExactError as error:
            if is_first or isinstance(error, RequestRefusedError | ForbiddenError):
                self._refused(noted, error)
            raise

    async def once(
        self,
        division: int,
        action: Action,
        *,
        digest: str,
        key: str | None,
        subject: str | None,
        before: NotedWrite | None,
        send: Callable[[], Awaitable[Made]],
        look: Callable[[NotedWrite], Awaitable[Made | None]],
        made: Callable[[Made], tuple[UUID, UUID | None]],
    ) -> Made:
        """Have something made once.

        Args:
            division: in which.
            action: what is done.
            digest: of what is sent.
            key: the caller's own name for it.
            subject: for the log.
            before: an earlier write of the same that is open; None: there is none.
            send: sends it.
            look: looks for what a write has made.
            made: returns the IDs of what was made.

        Raises:
            UncertainWriteError: it cannot be told whether it was made. The write stays open.
        """
        if before is not None and (found := await self._looked(before, look)) is not None:
            self._found(before, made(found))
            return found
        noted = before or self.note(division, action, digest=digest, subject=subject, key=key)
        for sends in range(1, MOST_SENDS + 1):
            try:
                with self.ending(noted, is_first=before is None and sends == 1):
                    sent = await send()
            except (UncertainWriteError, AnswerError) as error:
                _log.warning("%s Looking for what it may have made.", error)
                if (found := await self._looked(noted, look)) is not None:
                    self._found(noted, made(found))
                    return found
                if sends == MOST_SENDS:
                    raise UncertainWriteError(
                        f"{error} It was sent {sends} times, and what it makes was looked for each time and is not "
                        "there.",
                        **_facts(error),
                    ) from error
            else:
                self._found(noted, made(sent))
                return sent
        raise AssertionError  # the last round returns or raises

    async def _looked(self, noted: NotedWrite, look: Callable[[NotedWrite], Awaitable[Made | None]]) -> Made | None:
        """Look, and look again when what was under way must have been carried out."""
        found = await look(noted)
        if found is not None or self._client.server_now() - noted.sent_at > LONGEST_WRITE:
            return found
        await self._sleep(self._settle_seconds)
        return await look(noted)

    def _found(self, noted: NotedWrite, ids: tuple[UUID, UUID | None]) -> None:
        self.done(noted, document_id=ids[0], attachment_id=ids[1])

    def _refused(self, noted: NotedWrite, error: ExactError) -> None:
        self._writes.refused(noted.number, error)
        _log.warning("%s by %s refused in division %d: %s", noted.action, self._actor, noted.division, error)


def _facts(error: ExactError) -> dict[str, Any]:
    return {name: getattr(error, name) for name in ExactError.FACTS}


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def only_row(rows: Sequence[Mapping[str, Any]], endpoint: str, division: int) -> Mapping[str, Any]:
    """Return the row that a POST answered with; raises AnswerError where it names nothing that was made."""
    if len(rows) != 1 or not rows[0].get("ID"):
        raise AnswerError(
            f"{endpoint}: Exact did not answer with the ID of what it made.", division=division, endpoint=endpoint
        )
    return rows[0]
