"""PostgreSQL's errors as ours: what may go well another time, what another holds, and what people are to do.

By their SQLSTATE alone: a server speaks in the language that it was set to.
"""

from collections.abc import Mapping

import psycopg

from exact_assets.errors import (
    ConstraintError,
    EngineLostError,
    StatementError,
    TransactionConflictError,
    UnconvertibleError,
    UnknownNameError,
    UnknownTableError,
    WarehouseBusyError,
    WarehouseError,
)

_CONFLICTS = frozenset({"40001", "40P01", "40003"})
_LOST = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
"""The server ends, starts, or has ended the session; idle too long."""
_NO_LOCK = "55P03"

_KINDS: Mapping[str, type[StatementError]] = {
    "42P01": UnknownTableError,
    "3F000": UnknownNameError,
    "42703": UnknownNameError,
    "42704": UnknownNameError,
    "42883": UnknownNameError,
    # Of a column of another type than ours, which people have made: DuckDB calls that a name it cannot bind, too.
    "42804": UnknownNameError,
    "42809": UnknownNameError,
    "428C9": UnknownNameError,
    "42846": UnconvertibleError,
}
"""Beside whole classes of errors: 22 is a value, 23 a constraint, 44 the condition of a view."""
_CLASSES: Mapping[str, type[StatementError]] = {
    "22": UnconvertibleError,
    "23": ConstraintError,
    "44": ConstraintError,
}
_ADVICE: Mapping[str, str] = {
    "28P01": "The password is wrong: correct it in EXACT_WAREHOUSE_URL.",
    "28000": "The server does not let this user in: look into its pg_hba.conf, and whether the role may log in.",
    "3D000": "There is no such database: make it with CREATE DATABASE … ENCODING 'UTF8', or correct the URL.",
    "42501": "The user lacks a right: let it CREATE in the database, and own the schemas exact, exact_live and "
    "exact_bi.",
    "53100": "The server's disk is full: nothing of this was stored. Make room there; the next run goes on.",
    "53200": "The server is out of memory: give it more, or let it have fewer connections.",
    "53300": "The server has no connection left: raise its max_connections, or let fewer runs go at once.",
    "25006": "It only reads: it is a standby, or default_transaction_read_only is set. Give the primary's address.",
    "57014": "The statement was cancelled: raise statement_timeout for this user, or set it to 0.",
    "54000": "A value of a key is too long for an index.",
    "25P03": "A transaction was idle for too long: raise idle_in_transaction_session_timeout for this user.",
    "57P03": "The server is starting or stopping, or takes nobody.",
}


def translated(error: psycopg.Error, subject: str) -> WarehouseError:
    """Return an error of PostgreSQL's as one of ours; `subject` says what it is about."""
    state, said = error.sqlstate or "", _words(error)
    text = f"{subject}: {said}{f' {advice}' if (advice := _ADVICE.get(state)) else ''}"
    if state in _CONFLICTS:
        return TransactionConflictError(text)
    if state in _LOST or (not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)):
        return EngineLostError(text)
    if state.startswith("08"):
        return EngineLostError(text)
    if state == _NO_LOCK:
        return WarehouseBusyError(f"{text} Another session holds it: end that one's transaction, or wait.")
    kind = _KINDS.get(state) or _CLASSES.get(state[:2])
    if kind is None and advice:
        return WarehouseError(text)
    return (kind or StatementError)(text, detail=said)


def refused_connection(error: psycopg.OperationalError, subject: str) -> WarehouseError:
    """Return why there is no connection: libpq tells the server's answer by its words alone, without a SQLSTATE."""
    said = _words(error)
    for words, advice in _CONNECTING.items():
        if words in said:
            return WarehouseError(f"{subject} cannot be reached: {said} {advice}")
    return EngineLostError(f"{subject} cannot be reached: {said} {_UNREACHED}")


_UNREACHED = "Is the server running, and are host and port in EXACT_WAREHOUSE_URL right?"
_CONNECTING: Mapping[str, str] = {
    "password authentication failed": _ADVICE["28P01"],
    "no password supplied": "Give a password: postgresql://user:password@host/database, or a ~/.pgpass.",
    "no pg_hba.conf entry": _ADVICE["28000"],
    "is not permitted to log in": _ADVICE["28000"],
    "Peer authentication failed": _ADVICE["28000"],
    "permission denied for database": "Let the user CONNECT to the database.",
    "does not exist": "Make it (CREATE DATABASE … ENCODING 'UTF8', CREATE ROLE … LOGIN), or correct the URL.",
    "failed to resolve host": "Correct the host in EXACT_WAREHOUSE_URL.",
    "certificate": "Correct sslmode and sslrootcert in EXACT_WAREHOUSE_URL.",
    "server does not support SSL": "Correct sslmode in EXACT_WAREHOUSE_URL.",
}


def _words(error: psycopg.Error) -> str:
    """Return the server's own words as one sentence, without the statement, in which there may be rows."""
    said = error.diag.message_primary or str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = "; ".join(lines) or type(error).__name__
    return first if first.endswith(".") else f"{first}."
