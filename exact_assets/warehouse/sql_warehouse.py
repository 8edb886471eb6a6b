"""A warehouse in one engine: the stores of tables, of the selection, of the outbox and of models, joined."""

from collections.abc import Callable
from datetime import UTC, datetime

from exact_assets.warehouse.connection import Engine
from exact_assets.warehouse.model_store import SqlModelStore
from exact_assets.warehouse.outbox_store import SqlOutboxStore
from exact_assets.warehouse.selection_store import SqlSelectionStore
from exact_assets.warehouse.table_store import SqlTableStore


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlWarehouse(SqlTableStore, SqlSelectionStore, SqlOutboxStore, SqlModelStore):
    """Implements `protocol.Warehouse`."""

    def __init__(self, engine: Engine, *, is_soft: bool = False, now: Callable[[], datetime] = _utc_now) -> None:
        """Prepare; nothing is opened.

        Args:
            engine: where it is.
            is_soft: mark rows that Exact no longer has, instead of removing them.
            now: the computer's clock.
        """
        SqlTableStore.__init__(self, engine, is_soft=is_soft, now=now)
        SqlSelectionStore.__init__(self, engine)
        SqlOutboxStore.__init__(self, engine)
        SqlModelStore.__init__(self, engine, is_soft=is_soft, now=now)
