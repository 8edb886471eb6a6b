"""SQL that reads and writes the division selection: pure functions from a dialect to statements.

People may have made the table anew: a column may have another type than ours, and what is only shown is left empty
where that type cannot hold it.
"""

from collections.abc import Collection, Iterable, Mapping

from exact_assets.warehouse.divisions import CHOSEN
from exact_assets.warehouse.sql.ddl import SHOWN
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import SELECTION, one_of, text
from exact_assets.warehouse.sql.types import SqlType


def select_choices(dialect: Dialect, columns: Collection[str], *, first: str | None = None) -> str:
    """Read choices as text, and what is shown where it is there and makes sense."""
    chosen = [dialect.cast(name, SqlType.TEXT) for name in CHOSEN]
    shown = [_shown(dialect, name, type_) if name in columns else "NULL" for name, type_ in SHOWN.items()]
    return f"SELECT {', '.join([*([first] if first else []), *chosen, *shown])} FROM {_table(dialect)} AS kept"


def _shown(dialect: Dialect, name: str, type_: SqlType) -> str:
    """Read a column that is only shown; the year 200000 or infinity counts as null."""
    value = dialect.tried(dialect.tried(name, SqlType.TEXT), type_)
    if type_ not in {SqlType.TIMESTAMP, SqlType.INSTANT}:
        return value
    earliest, latest = (dialect.cast(text(day), type_) for day in ("1900-01-01", "9000-01-01"))
    return f"CASE WHEN {value} BETWEEN {earliest} AND {latest} THEN {value} END"


def address(dialect: Dialect) -> str:
    """Return a row's address as text."""
    return dialect.cast(dialect.address, SqlType.TEXT)


def insert(dialect: Dialect, names: Iterable[str]) -> str:
    """Add a division with values by the names of their columns."""
    columns = ("division", *names)
    values = ", ".join(map(dialect.value, columns))
    return f"INSERT INTO {_table(dialect)} ({', '.join(columns)}) VALUES ({values})"


def renew(dialect: Dialect, names: Iterable[str]) -> str:
    """Overwrite values of a division."""
    values = ", ".join(f"{name} = {dialect.value(name)}" for name in names)
    return f"UPDATE {_table(dialect)} SET {values} WHERE {_is_it(dialect)}"


def set_value(dialect: Dialect, column: str) -> str:
    """Overwrite one column of a division by `value`."""
    return f"UPDATE {_table(dialect)} SET {column} = {dialect.value('value')} WHERE {_is_it(dialect)}"


def set_note(dialect: Dialect, columns: Mapping[str, str], addresses: Iterable[str]) -> str:
    """Write `status` into some rows, and that they were never brought up to date."""
    status = dialect.tried(dialect.cast(dialect.value("status"), SqlType.TEXT), columns["status"])
    return (
        f"UPDATE {_table(dialect)} SET last_sync = NULL, status = {status} "
        f"WHERE {address(dialect)} IN {one_of(addresses)}"
    )


def set_shown(dialect: Dialect, columns: Mapping[str, str], new: str) -> str:
    """Write what is shown."""
    values = [f"{name} = {dialect.tried(f'new.{name}', columns[name])}" for name in ("status", "calls_today")]
    return _by_row(dialect, new, ", ".join(values))


def report_sync(dialect: Dialect, columns: Mapping[str, str], new: str) -> str:
    """Write when divisions were brought up to date, where that is known."""
    value = f"last_sync = {dialect.tried('new.last_sync', columns['last_sync'])}"
    return _by_row(dialect, new, value, " AND new.last_sync IS NOT NULL")


def take_back(dialect: Dialect, new: str) -> str:
    """Write that nothing is asked for out of turn any more."""
    return _by_row(dialect, new, "sync_now = false", " AND new.takes_back")


def _by_row(dialect: Dialect, new: str, values: str, condition: str = "") -> str:
    is_it = f"{dialect.cast(f't.{dialect.address}', SqlType.TEXT)} = new.address"
    return dialect.update.format(
        table=_table(dialect), values=values, source=f"{new} AS new", condition=is_it + condition
    )


def _is_it(dialect: Dialect) -> str:
    """Return the condition for a division; the column may have another type, where somebody made the table anew."""
    return f"{dialect.tried('division', SqlType.BIGINT)} = {dialect.value('division')}"


def _table(dialect: Dialect) -> str:
    return dialect.qualified(SELECTION)
