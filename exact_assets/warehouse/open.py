"""From a warehouse URL to the warehouse: the one place that chooses an engine.

Its driver is imported when it is asked for, and no earlier; importing this costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from exact_assets.config import ExactConfig
from exact_assets.errors import SettingsError
from exact_assets.warehouse.patience import Patience

if TYPE_CHECKING:
    from exact_assets.warehouse.connection import Engine
    from exact_assets.warehouse.protocol import Warehouse

SUPPORTED = "duckdb:///path/to/file.duckdb and postgresql://user:password@host:5432/database"
_OTHER_KINDS = {"postgres": "postgresql"}
WAREHOUSE_LOCK_TIMEOUT_SECONDS = 60.0
FILE_NAME = "warehouse.duckdb"
"""Of a warehouse in a file, where nobody chose another name."""


def url_of(config: ExactConfig) -> str:
    """Return the URL of a configuration's warehouse: the one chosen, or that of a file in the state folder."""
    return config.warehouse_url or file_url(config.state_folder / FILE_NAME)


def warehouse_kind(url: str) -> str:
    """Return the kind of warehouse that a URL names, as Dagster does: `postgresql`."""
    kind = url.partition(":")[0].partition("+")[0]
    return _OTHER_KINDS.get(kind, kind)


def file_url(path: Path) -> str:
    """Return the URL of a warehouse in a file, which needs no server: the default."""
    return f"duckdb:///{path}"


def open_configured(
    config: ExactConfig,
    *,
    lock_timeout_seconds: float = WAREHOUSE_LOCK_TIMEOUT_SECONDS,
    patience: Patience | None = None,
) -> Warehouse:
    """Return the warehouse of a configuration; raises as `open_warehouse`."""
    return open_warehouse(
        url_of(config),
        is_soft=config.deletions == "soft",
        lock_timeout_seconds=lock_timeout_seconds,
        patience=patience,
    )


def open_warehouse(
    url: str,
    *,
    is_soft: bool = False,
    lock_timeout_seconds: float = WAREHOUSE_LOCK_TIMEOUT_SECONDS,
    patience: Patience | None = None,
) -> Warehouse:
    """Return the warehouse at a URL; nothing is opened or locked until it is used.

    Args:
        url: `duckdb:///relative/path`, or `duckdb:////absolute/path`; the path is taken literally. Or
            `postgresql://user:password@host:5432/database`, as libpq reads it.
        is_soft: mark rows that Exact no longer has, instead of removing them.
        lock_timeout_seconds: how long to wait for what another process holds.
        patience: likewise, of somebody who has a way to be told, or to give up.

    Raises:
        SettingsError: the URL is of a kind that is not supported, or lacks a path.
    """
    from exact_assets.warehouse.sql_warehouse import SqlWarehouse  # noqa: PLC0415 - as with engines

    return SqlWarehouse(
        open_engine(url, lock_timeout_seconds=lock_timeout_seconds, patience=patience), is_soft=is_soft
    )


def open_engine(
    url: str, *, lock_timeout_seconds: float = WAREHOUSE_LOCK_TIMEOUT_SECONDS, patience: Patience | None = None
) -> Engine:
    """Choose an engine; a driver that is not used is not loaded. Raises as `open_warehouse`."""
    kind = warehouse_kind(url)
    if kind == "postgresql":
        from exact_assets.warehouse.postgresql.engine import PostgreSQLEngine  # noqa: PLC0415 - as said above

        return PostgreSQLEngine(url, lock_timeout_seconds=lock_timeout_seconds)
    if kind != "duckdb":
        raise SettingsError(
            f"EXACT_WAREHOUSE_URL: there is no warehouse of kind {kind!r}; supported are {SUPPORTED}"
        )
    rest = url.partition(":")[2]
    path = rest.removeprefix("///")
    if path in {"", rest}:
        raise SettingsError(f"EXACT_WAREHOUSE_URL: expected a file, as in {SUPPORTED}")
    from exact_assets.warehouse.duckdb.engine import DuckDBEngine  # noqa: PLC0415 - as said above

    return DuckDBEngine(Path(path), patience=patience or Patience(lock_timeout_seconds))
