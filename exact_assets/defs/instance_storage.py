"""Dagster's own storage: SQLite beside the project's state by default, PostgreSQL when `DAGSTER_PG_URL` is set.

One `dagster.yaml` names this class and so serves a checkout and a deployment alike. Runs, events and schedules
are Dagster's; nothing of Exact's data is kept here.
"""

from pathlib import Path
from typing import Any

from dagster import StringSource
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from exact_assets.config import dagster_home, dagster_pg_url
from exact_assets.defs.internals import (
    ConfigurableClass,
    ConfigurableClassData,
    DagsterSqliteStorage,
    DagsterStorage,
    UserConfigSchema,
)
from exact_assets.defs.sqlite_events import KeptSqliteEventLogStorage
from exact_assets.disk import make_folder
from exact_assets.errors import SettingsError


class InstanceStorage(DagsterStorage[Any], ConfigurableClass):
    """Chooses the storage when Dagster loads its instance.

    Abstract on purpose: what `from_config_value` returns is one of Dagster's own classes.
    """

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Take the folder for SQLite."""
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(  # type: ignore[override]  # Dagster types the result as the class itself
        cls, inst_data: ConfigurableClassData | None, config_value: dict[str, Any]
    ) -> DagsterStorage[Any]:
        """Open the storage.

        Raises:
            SettingsError: `DAGSTER_PG_URL` is set and is not a PostgreSQL address.
        """
        url = dagster_pg_url()
        if url:
            return _pooled(DagsterPostgresStorage(_checked(url), inst_data=inst_data))
        base = folder(config_value["base_dir"])
        # What runs print and ask is kept there too; Dagster would make it for all to read.
        make_folder(base)
        return _kept(DagsterSqliteStorage.from_local(str(base), inst_data=inst_data))


def _pooled(storage: DagsterPostgresStorage) -> DagsterPostgresStorage:
    """Keep connections open, as Dagster does for its webserver only.

    Without, each event of a run opens a connection of its own: a run of 60 tables took five times as long.
    """
    for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
        part.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=20)
    return storage


def _kept(storage: DagsterSqliteStorage) -> DagsterSqliteStorage:
    """Keep the event log's databases open."""
    events = KeptSqliteEventLogStorage(str(Path(storage.base_dir, "history", "runs")))
    storage._event_log_storage = events  # noqa: SLF001 - Dagster has no setting for this
    return storage


def folder(base_dir: str) -> Path:
    """Return the folder of Dagster's SQLite files: `DAGSTER_HOME` where it is set, else `base_dir` here."""
    return dagster_home() or Path(base_dir).absolute()


def _checked(url: str) -> str:
    try:
        is_postgres = make_url(url).get_backend_name() == "postgresql"
    except ArgumentError:
        is_postgres = False
    if not is_postgres:
        # The value is not repeated: it may hold a password.
        raise SettingsError("DAGSTER_PG_URL: expected postgresql://user:password@host:5432/database")
    return url
