"""What an engine is to the rest of the warehouse: one connection's few methods, and what its errors mean.

No statement and no policy belongs here. A folder beside this implements it for each engine.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.types import SqlType

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a statement of a user's returned."""

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Connection(Protocol):
    """One session with relations of its own. Methods raise `StatementError`, `RetryError` or `WarehouseError`."""

    @property
    def dialect(self) -> Dialect:
        """How its statements are written."""

    def run(self, statement: str, **values: object) -> None:
        """Run a statement."""

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement that reads; return its rows."""

    def named_rows(self, statement: str) -> list[dict[str, Any]]:
        """Run a statement that reads; return its rows by column name."""

    def fetched(self, statement: str) -> Fetched:
        """Run what a user wrote, while reading; whatever would change the warehouse is refused."""

    def attach(self, name: str, file: Path) -> None:
        """Let statements read another database as `name`, or a file's rows as a table of that name.

        Raises:
            SettingsError: the engine reads no files, or none of this kind.
        """

    def batches(self, statement: str, *, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Run a statement that reads; yield its rows by so many. Nothing else may be run until they are read."""

    def affected(self, statement: str, **values: object) -> int:
        """Run a statement that writes; return how many rows it wrote."""

    def transaction(self, *, divisions: Collection[int] = ()) -> AbstractContextManager[None]:
        """Commit what is done within, or nothing of it when it raises.

        Args:
            divisions: nobody else changes what is kept of these meanwhile, whatever the table; what was committed
                of them before can be seen.
        """

    def savepoint(self) -> AbstractContextManager[None]:
        """Let the transaction, if there is one, go on where a statement within this is refused."""

    def defining(self) -> AbstractContextManager[None]:
        """Let nobody else create or change tables meanwhile."""

    def stage(self, name: str, rows: pa.Table, *, types: Mapping[str, SqlType]) -> str:
        """Load Arrow rows into a relation of the connection's own, which may be anew, and return what it is called.

        Args:
            name: of the relation.
            rows: columns keep their names and the types that Arrow types become.
            types: of the columns that are to be converted to another type.

        Raises:
            UnconvertibleError: a value could not be.
        """

    def unstage(self, names: Iterable[str]) -> None:
        """Drop relations of the connection's own, where they are."""

    def derive(self, name: str, select: str, **values: object) -> str:
        """Put the rows of a SELECT into a relation of the connection's own, anew; return what it is called."""

    def staging(self) -> AbstractContextManager[None]:
        """Stage within this what is loaded before `opened`, so that nobody waits for it."""

    def opened(self, *, is_read_only: bool) -> AbstractContextManager[None]:
        """Work within this on what the warehouse keeps.

        Raises:
            WarehouseBusyError: another process holds it and did not let go in time.
        """

    def about(self, subject: str) -> AbstractContextManager[None]:
        """Let errors say what was at hand."""


class Engine(Protocol):
    """A place that can be connected to."""

    @property
    def dialect(self) -> Dialect:
        """How statements are written."""

    @property
    def chunk_rows(self) -> int:
        """As many rows as are worth a transaction of their own."""

    @property
    def exists(self) -> bool:
        """Whether there is anything to read.

        Raises:
            WarehouseError: what is there is not the engine's.
        """

    def obstacle(self) -> str | None:
        """Return why nothing could be written now; None: nothing is known to stand in the way."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Connect. Nothing is held before `Connection.opened`."""

    def grant_reader(self, role: str, *, schemas: Sequence[str]) -> None:
        """Let a role read what is in schemas, and whatever is made in them from now on.

        Raises:
            WarehouseError: there are no roles, or none of that name.
        """

    def persist(self, work: Callable[[], _T]) -> _T:
        """Do work, and do it again where it raised `RetryError`, as long as that may help."""
