"""What the rest of the product may ask of a warehouse, whatever its engine."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from exact_assets.catalogue.table import Table
from exact_assets.errors import ValueRangeError, WarehouseError
from exact_assets.models.model import Model
from exact_assets.stream import Step, Stored, StreamState
from exact_assets.warehouse.divisions import DivisionChoice, DivisionReport, KnownDivision, Selection
from exact_assets.warehouse.models import BuiltModel
from exact_assets.warehouse.outbox import OutboxRow, RowEnd
from exact_assets.warehouse.query import Query, QueryRows


class TableStore(Protocol):
    """Tables and their streams' states, which belong together, in schema `exact`.

    Methods are synchronous, safe to call from several threads and processes, and raise `WarehouseError`.
    """

    @property
    def chunk_rows(self) -> int:
        """As many rows as a long load stores at once: more where each statement costs money or a lock."""

    def prepare(self, tables: Iterable[Table]) -> None:
        """Create what is missing of tables, columns, keys, comments and the state table; never drop anything.

        A table that had to be created has no rows, so its streams' states, if any, are forgotten.
        """

    def states(self, table: Table, divisions: Sequence[int]) -> Mapping[int, StreamState]:
        """Read the states of a table's streams; a stream never stored has the empty state."""

    def states_of(
        self, divisions: Sequence[int], *, names: Collection[str] | None = None
    ) -> Mapping[int, Mapping[str, StreamState]]:
        """Read the states of streams by division and table name (None: all); those never stored are missing.

        Of all, one that cannot be read is missing as well; of those named it is an error.
        """

    def store(self, table: Table, division: int, step: Step, *, expected_seq: int) -> Stored:
        """Store a step's rows and state in one transaction.

        Raises:
            LoadSupersededError: the stream's `load_seq` is not the expected one; nothing was written.
            RemovalBoundError: an answer would take away all rows, or most of many; nothing was written.
            ValueRangeError: a value that its column cannot hold; nothing was written.
        """

    def store_many(
        self, table: Table, steps: Sequence[tuple[int, Step, int]]
    ) -> Sequence[Stored | WarehouseError | ValueRangeError]:
        """Store steps of a table, each (division, step, expected_seq) in a transaction of its own.

        Returns an answer for each, in their order: what `store` would return or raise. Does not raise by itself.
        """

    def row_counts(self, table: Table, divisions: Sequence[int]) -> Mapping[int, Mapping[int | None, int]]:
        """Count the rows of each division per `_year`; a division without rows counts none."""

    def row_count(self, table: Table) -> int:
        """Count the rows of all divisions."""

    def streams(self, tables: Iterable[Table]) -> Mapping[str, Mapping[int, tuple[StreamState, datetime]]]:
        """Read the states of all streams of some tables that were ever stored, by table name and division.

        Each comes with when it was last stored.
        """

    def query(self, queries: Sequence[Query]) -> Sequence[QueryRows | None]:
        """Run statements that read, at one opening; the rows of each.

        None: a table that it names is not there. Nothing can be written.
        """

    def obstacle(self) -> str | None:
        """Return why nothing could be written now; None: nothing is known to stand in the way."""

    def names_holding(self, divisions: Collection[int], *, names: Collection[str]) -> tuple[str, ...]:
        """Name the tables of which anything of these divisions is kept.

        That is a state, what was put aside for a replacement or a sweep, or rows; these are looked for in `names`
        only, because others in the schema may be a user's own.
        """

    def purge(self, name: str, divisions: Collection[int]) -> int:
        """Delete the rows, stages, sweeps and states of divisions in a table; return how many rows went.

        All or nothing. Whoever is storing rows of the table and divisions meanwhile is superseded.

        Raises:
            WarehouseError: one of the divisions is enabled. Nothing was deleted.
        """

    def grant_reader(self, role: str) -> None:
        """Let a role of the warehouse's read all that is for people, now and later, and nothing else.

        Raises:
            WarehouseError: there are no roles, or none of that name.
        """


class SelectionStore(Protocol):
    """The division selection, which users edit. Methods are as those of a `TableStore`."""

    def selection(self) -> Selection | None:
        """Read the selection as it stands, with what is wrong with it; None: there is none."""

    def list_divisions(self) -> tuple[DivisionChoice, ...] | None:
        """Read the selection, in order of number; None: there is none that can be read."""

    def refresh_divisions(self, known: Iterable[KnownDivision]) -> tuple[int, ...]:
        """Take up divisions in the selection; return those that are new. Choices stay as they are."""

    def restore_divisions(self, choices: Iterable[DivisionChoice]) -> str | None:
        """Write whether divisions are copied and their first years into the selection, made anew if need be.

        A selection that cannot be read as a whole is renamed first: returns its new name.
        """

    def set_enabled(self, divisions: Iterable[int], enabled: bool) -> None:
        """Choose whether divisions are copied.

        Raises:
            WarehouseError: the selection lacks one of them; nothing was changed.
        """

    def set_start_year(self, divisions: Iterable[int], start_year: int | None) -> None:
        """Choose the first business year of divisions; None: the setting's. Raises as `set_enabled`."""

    def set_sync_now(self, divisions: Iterable[int], sync_now: bool) -> None:
        """Ask for divisions to be brought up to date out of turn. Raises as `set_enabled`."""

    def report_divisions(self, reports: Iterable[DivisionReport]) -> tuple[int, ...]:
        """Write what is shown of divisions, in one transaction; return those that were written.

        A row that differs from what a report was made of is left as it is: a user has edited it since.
        """

    def note_purge(self, divisions: Collection[int], *, has_ended: bool) -> None:
        """Write to the selection that divisions are being purged, or that nothing of them is left."""


class OutboxStore(Protocol):
    """Documents that are to be written, rows that people add. Methods are as those of a `TableStore`.

    Each raises `OutboxError` where the table was made anew so that it cannot be read or written.
    """

    def prepare_outbox(self) -> None:
        """Create the table where there is none, and columns that it lacks."""

    def due_rows(self, *, now: datetime) -> Mapping[str | None, int] | None:
        """Count the rows that have not ended and are not to wait, by division as it stands there.

        None: there is no such table.
        """

    def next_rows(self, division: str | None, *, now: datetime, limit: int) -> Sequence[OutboxRow]:
        """Read rows of a division that are due, in the order in which they came."""

    def begin_row(self, row: OutboxRow) -> OutboxRow | None:
        """Count an attempt at a row before anything of it is sent; None: it was edited since, or is gone."""

    def end_row(self, row: OutboxRow, end: RowEnd) -> bool:
        """Write how an attempt at a row ended, unless it was edited since; return whether it was written."""

    def postpone_rows(self, divisions: Collection[str] | None, *, now: datetime, until: datetime, why: str) -> None:
        """Have rows that are due wait until a moment: those of divisions as they stand there; None: all."""


class ModelStore(Protocol):
    """The business models, in schema `exact_bi`. Methods are as those of a `TableStore`."""

    def build_model(self, model: Model, divisions: Collection[int], *, kept: Collection[str]) -> BuiltModel:
        """Replace the rows of divisions in a model by what their tables give now, in one transaction.

        A model that has changed since it was made is made anew, for all divisions that it has rows of.

        Args:
            model: to be built.
            divisions: whose rows are replaced.
            kept: names of the tables that are kept; the others tell nothing, whatever is left of them.

        Raises:
            WarehouseError: nothing of it can be built.
        """

    def model_names(self, divisions: Collection[int]) -> tuple[str, ...]:
        """Name the models that have rows of divisions."""

    def purge_models(self, divisions: Collection[int]) -> Mapping[str, int]:
        """Delete the rows of divisions in all models, all or nothing; return how many each lost."""


class Warehouse(TableStore, SelectionStore, OutboxStore, ModelStore, Protocol):
    """All in one place."""
