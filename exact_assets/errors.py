"""Every error this package raises on purpose, sorted by what can be done about it. Standard library only.

ExactAssetsError
├── SettingsError                a setting makes no sense; its name and what was expected
├── ControlError                 the shared store of tokens and quota cannot be used
├── ExactError                   Exact Online, or the way to it, said no; carries the facts
│   ├── NotConnectedError        no tokens yet: run `exact-assets connect`
│   ├── ReconnectError           the refresh chain is dead: connect again
│   │   ├── TokenUsedElsewhereError   another installation used the refresh token (Exact allows one)
│   │   └── TokenExpiredError         30 days unused
│   ├── RequestRefusedError      400, 404, 405: the request is wrong; never sent again unchanged
│   ├── AccessTokenRefusedError  401 though the token should be good
│   ├── ForbiddenError           403
│   │   ├── DivisionNotGrantedError
│   │   ├── ModuleNotLicensedError    the licence lacks the module, or the user the right
│   │   ├── ScopeMissingError         the app registration lacks a scope
│   │   └── UserBlockedError          user, customer or licence is blocked or expired
│   ├── DayQuotaError            the day's calls are used; carries when they are back
│   │   └── QuotaShareError           a load's share of them is used; others come first
│   ├── KeyBlockedError          too many errors: Exact blocks the app for an hour or more
│   ├── UnavailableError         408, 5xx, resets, cut bodies, HTML: tried again, in vain
│   ├── UnreachableError         no connection to the host at all
│   └── AnswerError              an answer that Exact does not promise
│       ├── PagingError          a chain of pages repeats itself or leaves the host
│       ├── WrongDivisionError   rows of another division than the one asked for
│       ├── ValueRangeError      a value that its type cannot hold; table, column, key
│       ├── RemovalWithheldError  would take all rows away, or most: applied when confirmed, or after a day
│       └── RemovalDoubtedError   likewise, and Exact contradicts it: applied when confirmed only
└── WarehouseError               the warehouse said no
    ├── WarehouseBusyError       another process holds it; its own message says which
    ├── SelectionError           the division selection cannot be read: it was edited, or made anew, by hand
    ├── LoadSupersededError      another run stored this stream first: nothing was written
    ├── DivisionDisabledError    the division was disabled, and nothing new of it is begun
    └── RemovalBoundError        a step would take away more than one answer may: nothing was written
"""

from datetime import datetime


class ExactAssetsError(Exception):
    """Base of all errors raised on purpose by this package."""


class SettingsError(ExactAssetsError):
    """A setting makes no sense. The message names it and says what was expected."""


class ControlError(ExactAssetsError):
    """The store that processes share cannot be read or written."""


class ExactError(ExactAssetsError):
    """Exact Online, or the way to it, said no.

    Attributes carry the facts so that callers need not read the text: None is unknown.
    """

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
    """The licence lacks the module, or the user lacks the right to it."""


class ScopeMissingError(ForbiddenError):
    """The app registration lacks a scope."""


class UserBlockedError(ForbiddenError):
    """The user, the customer or the licence is blocked, inactive or expired."""


class DayQuotaError(ExactError):
    """The division's calls of the day are used."""

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


class UnreachableError(ExactError):
    """No connection to the host could be made."""


class AnswerError(ExactError):
    """An answer that Exact does not promise."""


class PagingError(AnswerError):
    """A chain of pages repeats itself, or a link leads to another host."""


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


class WarehouseError(ExactAssetsError):
    """The warehouse said no; its own message is included."""


class WarehouseBusyError(WarehouseError):
    """Another process holds the warehouse and did not let go in time."""


class SelectionError(WarehouseError):
    """The division selection is there and cannot be read, or not be followed. Nothing changes meanwhile."""


class LoadSupersededError(WarehouseError):
    """Another run stored this stream since its state was read. Nothing was written."""


class DivisionDisabledError(WarehouseError):
    """The division was disabled since the run was asked for: no table of it is begun. Nothing was written."""


class RemovalBoundError(WarehouseError):
    """A step would take away all rows of a table, or most of a large one. Nothing was written."""

    def __init__(self, message: str, *, table: str, rows: int, of: int) -> None:
        """Keep how many rows of how many, and of which table."""
        super().__init__(message)
        self.table = table
        self.rows = rows
        self.of = of
