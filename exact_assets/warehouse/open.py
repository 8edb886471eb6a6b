"""From a warehouse URL to the warehouse. Each kind's driver is imported when it is asked for, and no earlier."""

from pathlib import Path

from exact_assets.errors import SettingsError
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.sql_warehouse import SqlWarehouse

SUPPORTED = "duckdb:///path/to/file.duckdb"
LOCK_TIMEOUT_SECONDS = 60.0


def open_warehouse(
    url: str, *, is_soft: bool = False, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS
) -> Warehouse:
    """Return the warehouse at a URL; nothing is opened or locked until it is used.

    Args:
        url: `duckdb:///relative/path`, or `duckdb:////absolute/path`; the path is taken literally.
        is_soft: mark rows that Exact no longer has, instead of removing them.
        lock_timeout_seconds: how long to wait for a file that another process holds.

    Raises:
        SettingsError: the URL is of a kind that is not supported, or lacks a path.
    """
    kind, _, rest = url.partition(":")
    if kind != "duckdb":
        raise SettingsError(
            f"EXACT_WAREHOUSE_URL: there is no warehouse of kind {kind!r}; supported are {SUPPORTED}"
        )
    path = rest.removeprefix("///")
    if path in {"", rest}:
        raise SettingsError(f"EXACT_WAREHOUSE_URL: expected a file, as in {SUPPORTED}")
    from exact_assets.warehouse.duckdb.engine import DuckDBEngine  # noqa: PLC0415 - a driver that is not used is not loaded

    return SqlWarehouse(DuckDBEngine(Path(path), lock_timeout_seconds=lock_timeout_seconds), is_soft=is_soft)
