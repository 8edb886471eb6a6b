"""Openings of a warehouse for work on it. What is done there is known elsewhere."""

from collections.abc import Callable, Collection
from typing import TypeVar

from exact_assets.warehouse.connection import Connection, Engine

_T = TypeVar("_T")


class Sessions:
    """Opens an engine's warehouse, and does the work again where that may help."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Do work at one opening for reading."""
        return self._open(work, is_read_only=True)

    def write(self, work: Callable[[Connection], _T]) -> _T:
        """Do work at one opening for writing. Whatever it had committed must be no harm when it is done again."""
        return self._open(work, is_read_only=False)

    def change(self, work: Callable[[Connection], _T], *, divisions: Collection[int] = ()) -> _T:
        """Do work in one transaction, which is undone when it raises; `divisions` as a transaction has them."""

        def in_transaction(connection: Connection) -> _T:
            with connection.transaction(divisions=divisions):
                return work(connection)

        return self.write(in_transaction)

    def _open(self, work: Callable[[Connection], _T], *, is_read_only: bool) -> _T:
        def once() -> _T:
            with self.engine.connection() as connection, connection.opened(is_read_only=is_read_only):
                return work(connection)

        return self.engine.persist(once)
