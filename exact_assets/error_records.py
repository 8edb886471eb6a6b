"""Errors as they are stored and sent to another process: by name, with their facts. The classes are in `errors`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exact_assets import errors
from exact_assets.errors import ExactAssetsError

_MOMENTS = {"resets_at", "server_time"}

KINDS: Mapping[str, type[ExactAssetsError]] = {
    "ExactAssetsError": errors.ExactAssetsError,
    "UnforeseenError": errors.UnforeseenError,
    "DemoError": errors.DemoError,
    "SettingsError": errors.SettingsError,
    "ControlError": errors.ControlError,
    "ExactError": errors.ExactError,
    "NotConnectedError": errors.NotConnectedError,
    "TooEarlyError": errors.TooEarlyError,
    "ReconnectError": errors.ReconnectError,
    "TokenUsedElsewhereError": errors.TokenUsedElsewhereError,
    "TokenExpiredError": errors.TokenExpiredError,
    "RequestRefusedError": errors.RequestRefusedError,
    "AccessTokenRefusedError": errors.AccessTokenRefusedError,
    "ForbiddenError": errors.ForbiddenError,
    "DivisionNotGrantedError": errors.DivisionNotGrantedError,
    "ModuleNotLicensedError": errors.ModuleNotLicensedError,
    "ScopeMissingError": errors.ScopeMissingError,
    "UserBlockedError": errors.UserBlockedError,
    "DayQuotaError": errors.DayQuotaError,
    "QuotaShareError": errors.QuotaShareError,
    "KeyBlockedError": errors.KeyBlockedError,
    "UnavailableError": errors.UnavailableError,
    "UncertainWriteError": errors.UncertainWriteError,
    "UnreachableError": errors.UnreachableError,
    "AnswerError": errors.AnswerError,
    "PagingError": errors.PagingError,
    "StaleLinkError": errors.StaleLinkError,
    "WrongDivisionError": errors.WrongDivisionError,
    "ValueRangeError": errors.ValueRangeError,
    "RemovalWithheldError": errors.RemovalWithheldError,
    "RemovalDoubtedError": errors.RemovalDoubtedError,
    "DocumentError": errors.DocumentError,
    "WritingDisabledError": errors.WritingDisabledError,
    "KeyUsedError": errors.KeyUsedError,
    "DocumentNotFoundError": errors.DocumentNotFoundError,
    "SeveralDocumentsError": errors.SeveralDocumentsError,
    "FileUnreadableError": errors.FileUnreadableError,
    "FileTooLargeError": errors.FileTooLargeError,
    "AttachmentConflictError": errors.AttachmentConflictError,
    "WarehouseError": errors.WarehouseError,
    "WarehouseBusyError": errors.WarehouseBusyError,
    "RetryError": errors.RetryError,
    "ShortOfMemoryError": errors.ShortOfMemoryError,
    "EngineLostError": errors.EngineLostError,
    "TransactionConflictError": errors.TransactionConflictError,
    "StatementError": errors.StatementError,
    "UnknownNameError": errors.UnknownNameError,
    "UnknownTableError": errors.UnknownTableError,
    "UnconvertibleError": errors.UnconvertibleError,
    "ConstraintError": errors.ConstraintError,
    "SelectionError": errors.SelectionError,
    "OutboxError": errors.OutboxError,
    "StateUnreadableError": errors.StateUnreadableError,
    "LoadSupersededError": errors.LoadSupersededError,
    "DivisionDisabledError": errors.DivisionDisabledError,
    "RemovalBoundError": errors.RemovalBoundError,
}
"""Each class by the name under which installations have stored it: a class may be renamed, its name here not."""

_NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """An error as it is stored or sent to another process."""

    kind: str
    """As in `KINDS`."""
    message: str
    facts: Mapping[str, str | int | None] = field(default_factory=dict)
    """The class's `FACTS`; moments as ISO text."""


def record_of(error: ExactAssetsError) -> ErrorRecord:
    """Return an error as it is stored."""
    facts = {name: getattr(error, name) for name in error.FACTS}
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}
    return ErrorRecord(kind=name_of(error), message=str(error), facts=plain)


def error_from(record: ErrorRecord) -> ExactAssetsError:
    """Return a stored error; one of a kind that this version does not know is a plain `ExactAssetsError`."""
    kind = KINDS.get(record.kind, ExactAssetsError)
    facts: dict[str, Any] = {name: value for name, value in record.facts.items() if name in kind.FACTS}
    for name in _MOMENTS & facts.keys():
        facts[name] = None if facts[name] is None else datetime.fromisoformat(facts[name])
    return kind(record.message, **facts)


def name_of(error: ExactAssetsError) -> str:
    """Return the name under which an error's class is stored: that of the nearest class that has one."""
    return next(_NAMES[kind] for kind in type(error).__mro__ if kind in _NAMES)
