"""What every kind of warehouse can do. One module beside this implements it for each kind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from exact_assets.catalogue.table import Table
from exact_assets.stream import Step, Stored, StreamState


class Warehouse(Protocol):
    """A place for tables, their streams' states and the division selection, all in schema `exact`.

    Methods are synchronous, safe to call from several threads and processes, and raise `WarehouseError`.
    """

    def prepare(self, tables: Iterable[Table]) -> None:
        """Create what is missing of tables, columns, keys, comments and the state table; never drop anything."""

    def states(self, table: Table, divisions: Sequence[int]) -> Mapping[int, StreamState]:
        """Read the states of a table's streams; a stream never stored has the empty state."""

    def store(self, table: Table, division: int, step: Step, *, expected_seq: int) -> Stored:
        """Store a step's rows and state in one transaction.

        Raises:
            LoadSupersededError: the stream's `load_seq` is not the expected one; nothing was written.
        """

    def row_counts(self, table: Table, divisions: Sequence[int]) -> Mapping[int, Mapping[int | None, int]]:
        """Count the rows of each division per `_year`."""
