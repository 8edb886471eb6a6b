"""The division selection in any engine: each method is one opening of the warehouse."""

import logging
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TypeVar

from exact_assets.errors import SelectionError, WarehouseBusyError, WarehouseError
from exact_assets.warehouse import divisions as words
from exact_assets.warehouse import prepare, purge, selection
from exact_assets.warehouse.connection import Connection, Engine
from exact_assets.warehouse.divisions import DivisionChoice, DivisionReport, KnownDivision, Selection
from exact_assets.warehouse.session import Sessions

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class SqlSelectionStore:
    """Implements `protocol.SelectionStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)

    def selection(self) -> Selection | None:
        """Read the selection, with what is wrong with it."""
        return self._sessions.read(selection.read_selection) if self._engine.exists else None

    def list_divisions(self) -> tuple[DivisionChoice, ...] | None:
        """Read the selection."""
        found = self.selection()
        return None if found is None else found.choices

    def refresh_divisions(self, known: Iterable[KnownDivision]) -> tuple[int, ...]:
        """Add what is new and renew what differs."""
        wanted = {one.division: one for one in known}
        return self._change(lambda connection: selection.refresh_selection(connection, wanted))

    def restore_divisions(self, choices: Iterable[DivisionChoice]) -> str | None:
        """Write choices, in one transaction; where the table refuses, in a new one."""
        wanted, failures = tuple(choices), []
        self._prepare()
        for restore in selection.RESTORATIONS:
            try:
                return self._sessions.change(partial(restore, choices=wanted))
            except WarehouseBusyError:
                raise
            except WarehouseError as error:
                failures.append(error)
        raise SelectionError(
            f"{words.TABLE} cannot be restored: {failures[-1]} Rename or drop it, and what depends on it, with "
            f"{self._engine.dialect.engine}; then run `exact-assets divisions restore` again."
        ) from failures[-1]

    def set_enabled(self, divisions: Iterable[int], enabled: bool) -> None:
        """Choose whether divisions are copied."""
        self._choose("sync_enabled", divisions, enabled)

    def set_start_year(self, divisions: Iterable[int], start_year: int | None) -> None:
        """Choose the first business year of divisions."""
        self._choose("start_year", divisions, start_year)

    def set_sync_now(self, divisions: Iterable[int], sync_now: bool) -> None:
        """Ask for divisions out of turn."""
        self._choose("sync_now", divisions, sync_now)

    def report_divisions(self, reports: Iterable[DivisionReport]) -> tuple[int, ...]:
        """Write what changes, at one opening."""
        changing = [report for report in reports if report.changes]
        if not changing:
            return ()
        self._prepare()
        for is_shown in (True, False):
            try:
                return self._sessions.change(partial(selection.report, reports=changing, is_shown=is_shown))
            except WarehouseBusyError:
                raise
            except WarehouseError as error:
                # A column that refuses what is shown must not keep what was chosen from being done.
                _log.warning("What is shown of divisions cannot be written: %s", error)
        return ()

    def note_purge(self, divisions: Collection[int], *, has_ended: bool) -> None:
        """Write it to the status."""
        if self._engine.exists:
            self._change(lambda connection: purge.note(connection, divisions, has_ended=has_ended))

    def _choose(self, column: str, divisions: Iterable[int], value: object) -> None:
        wanted = tuple(divisions)

        def work(connection: Connection) -> None:
            if lacking := selection.choose(connection, column, wanted, value):
                raise WarehouseError(words.not_there(lacking))

        self._change(work)

    def _change(self, work: Callable[[Connection], _T]) -> _T:
        """Do work in one transaction, on a table that is there."""
        self._prepare()
        return self._sessions.change(work)

    def _prepare(self) -> None:
        prepare.ensure(self._sessions, ())
