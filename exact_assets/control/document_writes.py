"""What was asked of Exact to be written: noted before it is sent, and how it ended. Values and their storage only.

A row is both intent and log. One that never ended belongs to a process that was killed, or to an answer that was
lost: whoever asks for the same again has to look first for what it may have made. Of content its digest is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from exact_assets.control.database import insert_into, transaction
from exact_assets.control.tables import DOCUMENT_WRITES, REFUSED_FILTERS
from exact_assets.errors import ExactAssetsError

LONGEST_WRITE_ERROR = 1_000
WRITES_KEPT = timedelta(days=400)
"""As a log, and so long is a caller's key remembered."""
FILTER_ASKED_AGAIN = timedelta(days=30)
_T = DOCUMENT_WRITES.c


class Action(StrEnum):
    """What is written."""

    CREATE = "create"
    UPDATE = "update"
    ATTACH = "attach"
    REMOVE_ATTACHMENT = "remove attachment"


class WriteStatus(StrEnum):
    """How far it is."""

    OPEN = "open"
    """It may have been sent, and no answer came."""
    DONE = "done"
    REFUSED = "refused"
    """Nothing was changed by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedWrite:
    """A write as it is noted. Moments are aware, UTC."""

    number: int
    division: int
    key: str | None
    actor: str
    action: Action
    subject: str | None
    digest: str
    status: WriteStatus
    document_id: str | None
    attachment_id: str | None
    noted_at: datetime
    sent_at: datetime
    """The first time, by the server's clock."""
    is_sure_of_time: bool
    ended_at: datetime | None
    error: str | None


class DocumentWrites:
    """The writes of one app at one site."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        site: str,
        client: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare; nothing is read."""
        self._engine = engine
        self._names = {"site": site, "client": client}
        self._mine = (_T.site == site) & (_T.client == client)
        self._now = now

    def keyed(self, key: str) -> NotedWrite | None:
        """Return the last write of a caller's key that was not refused; None: there is none."""
        return self._last(self._mine & (_T.key == key) & (_T.status != WriteStatus.REFUSED))

    def last(self, division: int, action: Action, digest: str, *, status: WriteStatus) -> NotedWrite | None:
        """Return the last write of just this content, without a key, that is so far; None: there is none."""
        same = (_T.division == division) & (_T.action == action) & (_T.digest == digest) & _T.key.is_(None)
        return self._last(self._mine & same & (_T.status == status))

    def document_ids(self, division: int, subject: str) -> frozenset[str]:
        """Return the documents that writes of ours are known to have made under a subject."""
        made = (_T.division == division) & (_T.action == Action.CREATE) & (_T.subject == subject)
        with transaction(self._engine) as connection:
            found = connection.execute(sa.select(_T.document_id).where(self._mine & made)).scalars()
            return frozenset(one for one in found if one is not None)

    def note(
        self,
        division: int,
        action: Action,
        *,
        key: str | None,
        actor: str,
        subject: str | None,
        digest: str,
        sent_at: datetime,
        is_sure_of_time: bool,
        document_id: str | None = None,
        attachment_id: str | None = None,
    ) -> NotedWrite:
        """Note what is about to be sent. It survives a power cut."""
        now = self._now()
        row = {
            **self._names,
            "division": division,
            "key": key,
            "actor": actor,
            "action": action.value,
            "subject": subject,
            "digest": digest,
            "status": WriteStatus.OPEN.value,
            "document_id": document_id,
            "attachment_id": attachment_id,
            "noted_at": now.timestamp(),
            "sent_at": sent_at.timestamp(),
            "is_sure_of_time": is_sure_of_time,
        }
        with transaction(self._engine) as connection:
            old = _T.noted_at < (now - WRITES_KEPT).timestamp()
            connection.execute(sa.delete(DOCUMENT_WRITES).where(self._mine & old))
            made = connection.execute(sa.insert(DOCUMENT_WRITES).values(row).returning(DOCUMENT_WRITES)).one()
        return _noted(made)

    def done(self, number: int, *, document_id: str, attachment_id: str | None = None) -> None:
        """Note that it was carried out, and what it made."""
        made = {"document_id": document_id, "attachment_id": attachment_id}
        self._end(number, status=WriteStatus.DONE, **made)

    def refused(self, number: int, error: ExactAssetsError) -> None:
        """Note that it was not carried out, and why."""
        self._end(number, status=WriteStatus.REFUSED, error=str(error)[:LONGEST_WRITE_ERROR])

    def log(self, *, limit: int) -> Sequence[NotedWrite]:
        """Read the last writes, the newest first."""
        query = sa.select(DOCUMENT_WRITES).where(self._mine).order_by(_T.number.desc()).limit(limit)
        with transaction(self._engine) as connection:
            return [_noted(row) for row in connection.execute(query)]

    def is_filter_refused(self, endpoint: str, name: str) -> bool:
        """Return whether Exact lately refused to filter an endpoint by a property."""
        t = REFUSED_FILTERS.c
        mine = (t.site == self._names["site"]) & (t.client == self._names["client"])
        with transaction(self._engine) as connection:
            where = mine & (t.endpoint == endpoint) & (t.property == name)
            at = connection.execute(sa.select(t.at).where(where)).scalar()
        now = self._now().timestamp()
        return at is not None and now - FILTER_ASKED_AGAIN.total_seconds() < at <= now

    def refuse_filter(self, endpoint: str, name: str) -> None:
        """Remember that Exact refused it, for all processes: each refusal counts."""
        row = {**self._names, "endpoint": endpoint, "property": name, "at": self._now().timestamp()}
        upsert = insert_into(self._engine, REFUSED_FILTERS).values(row)
        upsert = upsert.on_conflict_do_update(
            index_elements=list(REFUSED_FILTERS.primary_key), set_={"at": upsert.excluded.at}
        )
        with transaction(self._engine) as connection:
            connection.execute(upsert)

    def _last(self, where: sa.ColumnElement[bool]) -> NotedWrite | None:
        query = sa.select(DOCUMENT_WRITES).where(where).order_by(_T.number.desc()).limit(1)
        with transaction(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _noted(row)

    def _end(self, number: int, *, status: WriteStatus, **values: str | None) -> None:
        changed = {"status": status.value, "ended_at": self._now().timestamp(), **values}
        with transaction(self._engine) as connection:
            connection.execute(sa.update(DOCUMENT_WRITES).where(_T.number == number).values(changed))


def _noted(row: sa.Row[Any]) -> NotedWrite:
    held = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's name for a row as a mapping
    del held["site"], held["client"]
    moments = ("noted_at", "sent_at", "ended_at")
    times = {name: None if held[name] is None else datetime.fromtimestamp(held[name], UTC) for name in moments}
    named = {"action": Action(held["action"]), "status": WriteStatus(held["status"])}
    return NotedWrite(**{**held, **times, **named})
