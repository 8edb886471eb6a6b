"""Moves a control store into another database: tokens, quota, attempts, check results, and the log of writes.

Two stores must never use the same refresh token: the tokens that are moved are marked as such where they were, so
that whoever still uses the former store is told, and sends nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from exact_assets.control.database import Database, continue_numbers, transaction
from exact_assets.control.refresh import LOCK_TIMEOUT_SECONDS, lock_name_of
from exact_assets.control.secrets import KEY_FILE, Cipher, open_cipher
from exact_assets.control.tables import CONNECTIONS, METADATA
from exact_assets.error_records import name_of
from exact_assets.errors import ControlError, ReconnectError

MOVED = "This connection was moved to another control store"
SECRET = ("access_token", "refresh_token")


def migrate_control(source: Database, target: Database, *, secret_key: SecretStr | None) -> Mapping[str, int]:
    """Move all tables; return how many rows each has now. What was in the target before is replaced.

    Args:
        source: it keeps its rows, and its connections are marked as moved.
        target: afterwards it has them.
        secret_key: encrypts the tokens in the target; in the source it, or the key file there, does.

    Raises:
        ControlError: the source was moved before, the target has newer tokens, or a key does not fit.
        SettingsError: the target needs a key, and there is none.
    """
    reading_engine, writing_engine = source.engine(is_durable=True), target.engine(is_durable=True)
    new = open_cipher(secret_key, folder=target.key_folder)
    with transaction(reading_engine) as reading:
        names = [lock_name_of(site_url=row["site"], client_id=row["client"]) for row in _rows(reading, CONNECTIONS)]
    # A refresh outlives the run that began it: what it stores has to be moved, too.
    with ExitStack() as held:
        for name in sorted(names):
            held.enter_context(source.locks.hold(name, wait=True, timeout_seconds=LOCK_TIMEOUT_SECONDS))
        return _move(source, target, reading_engine, writing_engine, secret_key=secret_key, new=new)


def _move(
    source: Database,
    target: Database,
    reading_engine: sa.Engine,
    writing_engine: sa.Engine,
    *,
    secret_key: SecretStr | None,
    new: Cipher,
) -> Mapping[str, int]:
    with transaction(reading_engine) as reading:
        old = _cipher_of(source, secret_key, connections := _rows(reading, CONNECTIONS))
        _require_unmoved(source, connections)
        with transaction(writing_engine) as writing:
            _require_older(target, connections, _rows(writing, CONNECTIONS))
            counts = {table.name: _replace(reading, writing, table) for table in METADATA.sorted_tables}
            for row in connections:
                _encrypt(writing, row, old, new)
            continue_numbers(writing)
        # The target has them for good before the source gives them up: whatever is cut, the move can be done again.
        reading.execute(
            sa.update(CONNECTIONS).values(
                dead_kind=name_of(ReconnectError("")),
                dead_message=f"{MOVED}, {target}: set EXACT_CONTROL_URL to it, or run `exact-assets connect`.",
            )
        )
    return counts


def _rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def _replace(reading: sa.Connection, writing: sa.Connection, table: sa.Table) -> int:
    rows = _rows(reading, table)
    writing.execute(sa.delete(table))
    if rows:
        writing.execute(sa.insert(table), rows)
    return len(rows)


def _encrypt(writing: sa.Connection, row: Mapping[str, Any], old: Cipher, new: Cipher) -> None:
    mine = (CONNECTIONS.c.site == row["site"]) & (CONNECTIONS.c.client == row["client"])
    values = {name: new.encrypt(old.decrypt(row[name])) for name in SECRET}
    writing.execute(sa.update(CONNECTIONS).where(mine).values(values))


def _cipher_of(source: Database, secret_key: SecretStr | None, connections: Sequence[Mapping[str, Any]]) -> Cipher:
    """Return the cipher that reads the source's tokens: that of its key file where there is one and it does."""
    folder = source.key_folder
    has_file = folder is not None and (folder / KEY_FILE).exists()
    ciphers = [open_cipher(None, folder=folder, is_in_use=True)] if has_file else []
    ciphers += [open_cipher(secret_key, folder=folder, is_in_use=bool(connections))] if secret_key else []
    ciphers = ciphers or [open_cipher(None, folder=folder, is_in_use=bool(connections))]
    for cipher in ciphers[:-1]:
        if all(_can_read(cipher, row) for row in connections):
            return cipher
    return ciphers[-1]


def _can_read(cipher: Cipher, row: Mapping[str, Any]) -> bool:
    try:
        cipher.decrypt(row[SECRET[0]])
    except ControlError:
        return False
    return True


def _require_unmoved(source: Database, connections: Sequence[Mapping[str, Any]]) -> None:
    moved = [row["dead_message"] for row in connections if (row["dead_message"] or "").startswith(MOVED)]
    if moved:
        raise ControlError(f"{source} was moved before. {moved[0]}")


def _require_older(
    target: Database, connections: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse to put tokens in the place of some that came later: those work once, and are the last."""
    known = {(row["site"], row["client"]): row["received_at"] for row in connections}
    for row in there:
        if row["received_at"] > known.get((row["site"], row["client"]), 0.0):
            raise ControlError(
                f"{target} has a newer connection to {row['site']}, which would be lost. Use it, or empty it."
            )
