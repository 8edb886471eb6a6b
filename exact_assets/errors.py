"""Every error this package raises on purpose, sorted by what can be done about it. Standard library only.

What is raised and caught within one module has no place here, nor have errors of libraries. How an error is stored
is in `error_records`.

ExactAssetsError
├── UnforeseenError              something else went wrong: a fault of this package; its class and message
├── DemoError                    a part of the demo did not start, or said no
├── SettingsError                a setting makes no sense; its name and what was expected
├── ControlError                 the shared store of tokens and quota cannot be used
├── ExactError                   Exact Online, or the way to it, said no; carries the facts
│   ├── NotConnectedError        no tokens yet: run `exact-assets connect`
│   ├── TooEarlyError            the access token is too young for a refresh; both tokens stay good
│   ├── ReconnectError           the refresh chain is dead: connect again
│   │   ├── TokenUsedElsewhereError   another installation used the refresh token (Exact allows one)
│   │   └── TokenExpiredError         30 days unused
│   ├── RequestRefusedError      400, 404, 405: the request is wrong; never sent again unchanged
│   ├── AccessTokenRefusedError  401 though the token should be good
│   ├── ForbiddenError           403
│   │   ├── DivisionNotGrantedError
│   │   ├── ModuleNotLicensedError    stored by earlier versions: a 403 of which Exact says no more
│   │   ├── ScopeMissingError         the app registration lacks a scope
│   │   └── UserBlockedError          user, customer or licence is blocked or expired
│   ├── DayQuotaError            the day's calls are used; carries when they are back
│   │   └── QuotaShareError           a load's share of them is used; others come first
│   ├── KeyBlockedError          too many errors: Exact blocks the app for an hour or more
│   ├── UnavailableError         408, 5xx, resets, cut bodies, HTML: tried again, in vain
│   ├── UncertainWriteError      the answer to a POST was lost: it may have been carried out, or not
│   ├── UnreachableError         no connection to the host at all
│   └── AnswerError              an answer that Exact does not promise
│       ├── PagingError          a chain of pages repeats itself, ends too soon or leaves the host
│       │   └── StaleLinkError       a link that was stored leads to another site than the one that is asked now
│       ├── WrongDivisionError   rows of another division than the one asked for
│       ├── ValueRangeError      a value that its type cannot hold; table, column, key
│       ├── RemovalWithheldError  would take all rows away, or most: applied when confirmed, or after a day
│       └── RemovalDoubtedError   likewise, and Exact contradicts it: applied when confirmed only
├── DocumentError                a document or a file cannot be written or read as asked; Exact was told nothing
│   ├── WritingDisabledError     writing documents is not switched on
│   ├── KeyUsedError             a caller's key was used for another document, or for other values
│   ├── DocumentNotFoundError    there is none
│   ├── SeveralDocumentsError    a search fits more than one; they are listed
│   ├── FileUnreadableError      the file is not there, is empty or cannot be read
│   ├── FileTooLargeError        it does not fit into a request
│   └── AttachmentConflictError  the document has another file of this name
└── WarehouseError               the warehouse said no
    ├── WarehouseBusyError       another process holds it; its own message says which
    ├── RetryError               nothing was committed, and it may go well when it is done again
    │   ├── ShortOfMemoryError       its engine was allowed too little memory: tried again with more
    │   ├── EngineLostError          its engine was closed meanwhile: tried again
    │   └── TransactionConflictError another transaction was first: tried again
    ├── StatementError           its engine refused a statement
    │   ├── UnknownNameError         a column, a function or a type is not there
    │   │   └── UnknownTableError        a table is not there
    │   ├── UnconvertibleError       a value cannot be converted
    │   └── ConstraintError          a constraint refused a value
    ├── SelectionError           the division selection cannot be read: it was edited, or made anew, by hand
    ├── OutboxError              the outbox of documents cannot be read or written: it was made anew by hand
    ├── StateUnreadableError     how far a stream was read cannot be told from what is stored of it
    ├── LoadSupersededError      another run stored this stream first: nothing was written
    ├── DivisionDisabledError    the division was disabled, and nothing new of it is begun
    └── RemovalBoundError        a step would take away more than one answer may: nothing was written
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar


class ExactAssetsError(Exception):
    """Base of all errors raised on purpose by this package."""

    FACTS: ClassVar[tuple[str, ...]] = ()
    """Keyword arguments that it is made of, beside the message; each is an attribute as well."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it is made again of: most have arguments that pickle does not know of."""
        return _made_again, (type(self), str(self), {name: getattr(self, name) for name in self.FACTS})


def _made_again(kind: type[ExactAssetsError], message: str, facts: Mapping[str, Any]) -> ExactAssetsError:
    return kind(message, **facts)


class UnforeseenError(ExactAssetsError):
    """Something went wrong that this package does not foresee, in one division's work. The message says what.

    The traceback is in the log.
    """


class DemoError(ExactAssetsError):
    """A part of the demo did not start or did not do its work."""


class SettingsError(ExactAssetsError):
    """A setting makes no sense. The message names it and says what was expected."""


class ControlError(ExactAssetsError):
    """The store that processes share cannot be read or written."""


class ExactError(ExactAssetsError):
    """Exact Online, or the way to it, said no.

    Attributes carry the facts so that callers need not read the text: None is unknown.
    """

    FACTS: ClassVar[tuple[str, ...]] = ("division", "endpoint", "status", "reason")

    def __init__(
        self,
        message: str,
        *,
        division: int | None = None,
        endpoint: str | None = None,
        status: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep the facts beside the message.

        Args:
            message: what happened and what to do, in one or two sentences, free of secrets.
            division: the division that was asked.
            endpoint: path below the division, such as `sync/CRM/Accounts`, without the query.
            status: the HTTP status.
            reason: Exact's `Reason` header or error text.
        """
        super().__init__(message)
        self.division = division
        self.endpoint = endpoint
        self.status = status
        self.reason = reason


class NotConnectedError(ExactError):
    """There are no tokens for this site and app yet."""


class TooEarlyError(ExactError):
    """The access token is not old enough for a refresh; both tokens stay good."""

    FACTS = (*ExactError.FACTS, "server_time")

    def __init__(self, message: str, *, server_time: datetime | None = None, **facts: Any) -> None:
        """Keep when Exact said so, by its clock."""
        super().__init__(message, **facts)
        self.server_time = server_time


class ReconnectError(ExactError):
    """The refresh chain is dead; only a person can start a new one."""


class TokenUsedElsewhereError(ReconnectError):
    """The stored refresh token was already used, by a second installation or a restored backup."""


class TokenExpiredError(ReconnectError):
    """The refresh token was unused for 30 days."""


class RequestRefusedError(ExactError):
    """Exact refuses the request as such (400, 404, 405). Sending it again unchanged blocks the app's key."""


class AccessTokenRefusedError(ExactError):
    """401 for an access token that should still be good."""


class ForbiddenError(ExactError):
    """403: this user, division, module or app may not."""


class DivisionNotGrantedError(ForbiddenError):
    """The division is not granted to the app or the user."""


class ModuleNotLicensedError(ForbiddenError):
    """As earlier versions stored a 403 of which Exact says no more: it may be the module, a right or a scope."""


class ScopeMissingError(ForbiddenError):
    """The app registration lacks a scope."""


class UserBlockedError(ForbiddenError):
    """The user, the customer or the licence is blocked, inactive or expired."""


class DayQuotaError(ExactError):
    """The division's calls of the day are used."""

    FACTS = ("resets_at", "division")

    def __init__(self, message: str, *, resets_at: datetime, division: int | None = None) -> None:
        """Keep when calls are allowed again (aware, UTC)."""
        super().__init__(message, division=division, status=429)
        self.resets_at = resets_at


class QuotaShareError(DayQuotaError):
    """A load has used its share of the division's calls of the day."""


class KeyBlockedError(ExactError):
    """The app's key is blocked on an endpoint after more than ten errors in an hour."""


class UnavailableError(ExactError):
    """Exact did not serve the request, however often it was tried within bounds."""


class UncertainWriteError(ExactError):
    """The answer to a request that changes something was lost. It is not sent again before somebody has looked."""


class UnreachableError(ExactError):
    """No connection to the host could be made."""


class AnswerError(ExactError):
    """An answer that Exact does not promise."""


class PagingError(AnswerError):
    """A chain of pages repeats itself, ends before all rows have come, or leads to another host."""


class StaleLinkError(PagingError):
    """A link that was stored earlier leads to another site than the one that is asked now. Nothing was sent."""


class WrongDivisionError(AnswerError):
    """Rows of another division than the one asked for. None of the page is kept."""


class ValueRangeError(AnswerError):
    """A value that its column's type cannot hold.

    The message names table, column and the row's key.
    """


class RemovalWithheldError(AnswerError):
    """An answer would take away all rows of a table or most of them, and said the same when it was asked again."""


class RemovalDoubtedError(AnswerError):
    """An answer would take away all rows of a table or most of them, and Exact contradicts it."""


class DocumentError(ExactAssetsError):
    """A document or a file cannot be written or read as asked. Nothing was written."""


class WritingDisabledError(DocumentError):
    """Writing documents is not switched on in the configuration."""


class KeyUsedError(DocumentError):
    """A caller's key was used for another document, or for other values."""


class DocumentNotFoundError(DocumentError):
    """There is no such document, or no such attachment."""


class SeveralDocumentsError(DocumentError):
    """A search fits several documents: Exact allows doubles. The message lists them."""


class FileUnreadableError(DocumentError):
    """A file is not there, is empty, or cannot be read."""


class FileTooLargeError(DocumentError):
    """A file does not fit into one request of Exact's."""


class AttachmentConflictError(DocumentError):
    """The document has a file of this name with other content."""


class WarehouseError(ExactAssetsError):
    """The warehouse said no; its own message is included."""


class WarehouseBusyError(WarehouseError):
    """Another process holds the warehouse and did not let go in time."""


class RetryError(WarehouseError):
    """What was not committed has not happened, and may go well if it is done again."""


class ShortOfMemoryError(RetryError):
    """The engine was allowed too little memory; what was not committed has not happened. Tried again with more."""


class EngineLostError(RetryError):
    """This process's engine was closed by another thread, or its server ended.

    What was not committed has not happened. Tried again.
    """


class TransactionConflictError(RetryError):
    """Another transaction changed the same, or held it: this one has not happened. Tried again."""


class StatementError(WarehouseError):
    """The engine refused a statement."""

    FACTS = ("detail",)

    def __init__(self, message: str, *, detail: str = "") -> None:
        """Keep the engine's own words."""
        super().__init__(message)
        self.detail = detail


class UnknownNameError(StatementError):
    """A column, a function or a type that a statement names is not there."""


class UnknownTableError(UnknownNameError):
    """A table that a statement names is not there."""


class UnconvertibleError(StatementError):
    """A value cannot be converted to the type that is asked for."""


class ConstraintError(StatementError):
    """A constraint refused a value."""


class SelectionError(WarehouseError):
    """The division selection is there and cannot be read, or not be followed. Nothing changes meanwhile."""


class OutboxError(WarehouseError):
    """The outbox of documents is there and cannot be read or written. No row of it is sent meanwhile."""


class StateUnreadableError(WarehouseError):
    """What is stored of how far a stream was read is no state. Nothing of the stream is read or written."""


class LoadSupersededError(WarehouseError):
    """Another run stored this stream since its state was read. Nothing was written."""


class DivisionDisabledError(WarehouseError):
    """The division was disabled since the run was asked for: no table of it is begun. Nothing was written."""


class RemovalBoundError(WarehouseError):
    """A step would take away all rows of a table, or most of a large one. Nothing was written."""

    FACTS = ("table", "rows", "of")

    def __init__(self, message: str, *, table: str, rows: int, of: int) -> None:
        """Keep how many rows of how many, and of which table."""
        super().__init__(message)
        self.table = table
        self.rows = rows
        self.of = of
