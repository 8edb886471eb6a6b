"""Works off the outbox: each row that is due becomes a document or a file, once, and is told how it ended.

What a row asks for is read in `orders`. That nothing is made twice rests on keys that are made of the row's name:
what a run that was killed had sent is found by the next one, which then writes how the row ended.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from exact_assets.containment import contained
from exact_assets.control.document_writes import LONGEST_WRITE_ERROR
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets.documents.carrying import OrderCarrier, SentRow
from exact_assets.documents.leave import require_leave
from exact_assets.documents.orders import read_order
from exact_assets.documents.places import places_of
from exact_assets.errors import (
    AccessTokenRefusedError,
    AnswerError,
    ControlError,
    DayQuotaError,
    DivisionNotGrantedError,
    DocumentError,
    ExactAssetsError,
    KeyBlockedError,
    NotConnectedError,
    ReconnectError,
    ScopeMissingError,
    SettingsError,
    TooEarlyError,
    UnavailableError,
    UncertainWriteError,
    UnreachableError,
    UserBlockedError,
)
from exact_assets.exact.limits import growing_pause
from exact_assets.warehouse.outbox import OUTBOX_TABLE, OutboxRow, RowEnd, RowStatus
from exact_assets.warehouse.protocol import OutboxStore

_log = logging.getLogger(__name__)

DIVISIONS_AT_ONCE = 8
ROWS_AT_ONCE = 50
MOST_BEGUN = 10
"""Attempts at a row, after which it fails: one that ends each run, too, must not be begun for ever."""
MOST_ERRORS_IN_A_ROW = 3
"""Of a division's rows that Exact does not serve, after which the others are left for later."""
MOST_LEFT = 3
"""Times that a row is left in one run: one that reads otherwise each time must not keep a run for ever."""
BEGUN_TOO_OFTEN = (
    f"It was begun {MOST_BEGUN} times, and no attempt came to an end: look for it in Exact Online, and in the log "
    "for what ended the runs, before you set the row's status to waiting again."
)
STOPPED_PAUSE = timedelta(minutes=10)
"""Where it is not the row's fault."""
EVERYWHERE = (
    NotConnectedError,
    ReconnectError,
    TooEarlyError,
    AccessTokenRefusedError,
    ScopeMissingError,
    UserBlockedError,
    UnreachableError,
    SettingsError,
    ControlError,
)
"""Of these no row can be sent, whosever it is: somebody has to do something first."""
PASSING = (UnavailableError, UncertainWriteError, AnswerError)
"""Of these it may go well when it is tried again, which looks first for what was made."""


@dataclass(slots=True)
class OutboxReport:
    """What became of the rows that were due."""

    sent: list[SentRow] = field(default_factory=list)
    failed: int = 0
    waiting: int = 0
    """Tried, and left for later."""
    error: ExactAssetsError | None = None
    """Why nothing more could be sent; None: all were tried that were due."""
    is_elsewhere: bool = False
    """Whether another process was at it, so that nothing was done here."""


class _Next(Enum):
    """What follows an attempt at a row."""

    GO_ON = auto()
    LEFT = auto()
    """The row has not ended."""
    STOP = auto()
    """No more of this division's now."""


class OutboxWork:
    """One look at the outbox, in which all is sent that is due."""

    def __init__(
        self,
        store: OutboxStore,
        documents: Documents,
        control: Control,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare; nothing is read.

        Args:
            store: has the rows.
            documents: writes in Exact.
            control: knows what was written before.
            now: our clock, aware.
        """
        self._store = store
        places = places_of(control.config.document_files)
        self._carrier = OrderCarrier(documents, control.document_writes, places=places)
        self._control = control
        self._now = now
        self._listed: Collection[int] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._report = OutboxReport()

    def run(self) -> OutboxReport:
        """Send what is due: some divisions at once, the rows of each one after the other.

        Raises:
            WritingDisabledError: writing is not switched on.
            WarehouseError: the outbox cannot be read or written.
        """
        require_leave(self._control.config)
        self._store.prepare_outbox()
        with self._control.lease("document outbox") as is_held:
            if not is_held:
                return OutboxReport(is_elsewhere=True)
            self._listed = self._control.listing.read()
            due = self._store.due_rows(now=self._now()) or {}
            threads = ThreadPoolExecutor(DIVISIONS_AT_ONCE, thread_name_prefix="outbox")
            with threads as pool, self._stopping_when_it_fails():
                list(pool.map(self._work_off_alone, due))
        return self._report

    @contextmanager
    def _stopping_when_it_fails(self) -> Iterator[None]:
        """Let each thread end with the row that it is at, where anything ends the run."""
        try:
            yield
        except BaseException:
            self._stopping.set()
            raise

    def _work_off_alone(self, division: str | None) -> None:
        with self._stopping_when_it_fails():
            self._work_off(division)

    def _work_off(self, division: str | None) -> None:
        """Send the rows of a division."""
        left, refusals = Counter[str | None](), _Refusals()
        while True:
            found = self._store.next_rows(division, now=self._now(), limit=ROWS_AT_ONCE + len(left))
            rows = [row for row in found if left[row.id] < MOST_LEFT]
            if not rows:
                return
            for row in rows:
                if self._stopping.is_set():
                    return
                following = self._attempt(row, refusals)
                if following is _Next.STOP:
                    return
                if following is _Next.LEFT:
                    left[row.id] += 1

    def _attempt(self, row: OutboxRow, refusals: "_Refusals") -> _Next:
        """Send a row, and write how that ended."""
        begun = self._store.begin_row(row)
        if begun is None:
            return _Next.LEFT  # Somebody is editing it.
        try:
            sent = self._sent(begun, refusals)
        except Exception as error:  # noqa: BLE001 - one row stops no other; what nobody foresaw is told with it
            ours = error if isinstance(error, ExactAssetsError) else contained(error, subject=_subject(row))
            refusals.note(ours)
            return self._stopped(begun, ours, refusals)
        refusals.note(None)
        self._end(begun, _done(sent, begun, at=self._now()))
        with self._lock:
            self._report.sent.append(sent)
        return _Next.GO_ON

    def _sent(self, row: OutboxRow, refusals: "_Refusals") -> SentRow:
        if row.attempts > MOST_BEGUN:
            raise DocumentError(BEGUN_TOO_OFTEN)
        if refusals.of_division is not None:
            raise refusals.of_division
        return self._carrier.carry_out(read_order(row, listed=self._listed))

    def _stopped(self, row: OutboxRow, error: ExactAssetsError, refusals: "_Refusals") -> _Next:
        """Write why a row was not sent: it has failed, or waits, and maybe others with it."""
        if isinstance(error, DayQuotaError):
            return self._wait_all(row, error, until=error.resets_at)
        if isinstance(error, KeyBlockedError):
            return self._wait_all(row, error, until=self._now() + STOPPED_PAUSE)
        if isinstance(error, EVERYWHERE):
            self._wait_all(row, error, until=self._now() + STOPPED_PAUSE, is_everywhere=True)
            with self._lock:
                self._report.error = self._report.error or error
            self._stopping.set()
            return _Next.STOP
        if isinstance(error, PASSING) and row.attempts < MOST_BEGUN:
            self._wait(row, error, attempts=row.attempts, until=self._now() + growing_pause(row.attempts))
            if refusals.in_a_row >= MOST_ERRORS_IN_A_ROW:
                self._postpone(row, error, until=self._now() + STOPPED_PAUSE)
                return _Next.STOP
            return _Next.LEFT
        _log.warning("%s failed: %s", _subject(row), error)
        end = RowEnd(
            status=RowStatus.FAILED,
            attempts=row.attempts,
            # Its file may be what failed.
            document_id=None if row.id is None else self._carrier.known_document(row.id),
            error=str(error)[:LONGEST_WRITE_ERROR],
            at=self._now(),
        )
        self._end(row, end)
        with self._lock:
            self._report.failed += 1
        return _Next.GO_ON

    def _wait_all(
        self, row: OutboxRow, error: ExactAssetsError, *, until: datetime, is_everywhere: bool = False
    ) -> _Next:
        """Have a row wait for what is not its fault, which does not count, and the others of its division."""
        self._wait(row, error, attempts=row.attempts - 1, until=until)
        self._postpone(row, error, until=until, is_everywhere=is_everywhere)
        return _Next.STOP

    def _wait(self, row: OutboxRow, error: ExactAssetsError, *, attempts: int, until: datetime) -> None:
        told = str(error)[:LONGEST_WRITE_ERROR]
        self._end(row, RowEnd(status=RowStatus.WAITING, attempts=attempts, error=told, retry_at=until))
        with self._lock:
            self._report.waiting += 1

    def _postpone(
        self, row: OutboxRow, error: ExactAssetsError, *, until: datetime, is_everywhere: bool = False
    ) -> None:
        divisions = None if is_everywhere else [row.division or ""]
        told = str(error)[:LONGEST_WRITE_ERROR]
        self._store.postpone_rows(divisions, now=self._now(), until=until, why=told)

    def _end(self, row: OutboxRow, end: RowEnd) -> None:
        if not self._store.end_row(row, end):
            _log.warning("%s was edited while it was sent: that it is %s is not shown.", _subject(row), end.status)


@dataclass(slots=True)
class _Refusals:
    """What Exact said of a division's rows so far."""

    in_a_row: int = 0
    """Rows, one after the other, that were not served."""
    of_division: DivisionNotGrantedError | None = None
    """It is not granted, so that it is not asked again for each row: Exact blocks an app that does."""

    def note(self, error: ExactAssetsError | None) -> None:
        """Note how an attempt ended; None: well."""
        self.in_a_row = self.in_a_row + 1 if isinstance(error, PASSING) else 0
        if isinstance(error, DivisionNotGrantedError):
            self.of_division = error


def _done(sent: SentRow, row: OutboxRow, *, at: datetime) -> RowEnd:
    return RowEnd(
        status=RowStatus.DONE,
        attempts=row.attempts,
        document_id=str(sent.document.id),
        document_url=sent.document.url,
        at=at,
    )


def _subject(row: OutboxRow) -> str:
    return f"Row {row.id} of {OUTBOX_TABLE}"
