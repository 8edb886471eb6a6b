"""Deletion of all that is kept of divisions, in the warehouse and of their attempts, while nobody works on them."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from exact_assets.catalogue import tables
from exact_assets.control.open import Control
from exact_assets.errors import SettingsError, WarehouseBusyError
from exact_assets.selection.kept import kept_choices
from exact_assets.warehouse.divisions import KnownDivision
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.sql.names import MODELS_SCHEMA

LEASES_AT_ONCE = 50
"""Each holds a lock file open, of which a process may have 1,024 as a rule."""
PASSES = 3
"""A run that was at work when its division was disabled may have stored rows of a table that was purged already."""


def purge(divisions: Collection[int], *, control: Control, warehouse: Warehouse) -> Mapping[str, int]:
    """Delete the rows, states and attempts of divisions; return the rows that each table lost.

    A kill leaves each table with all or none of its rows; the next purge goes on with the others.

    Raises:
        SettingsError: one of them is enabled, and would be loaded again.
        WarehouseBusyError: a run is at work on one of them.
    """
    numbers = sorted(set(divisions))
    _refuse_enabled(numbers, control, warehouse)
    _refuse_busy(numbers, control)
    control.purges.note(numbers, at=datetime.now(UTC))
    _take_up(numbers, warehouse)
    warehouse.note_purge(numbers, has_ended=False)
    # Before the rows: were it killed in between, tables that are empty would count as up to date.
    control.attempts.forget(numbers)
    lost: Counter[str] = Counter()
    for _ in range(PASSES):
        names = warehouse.names_holding(numbers, names=tables())
        if not names:
            break
        for name in names:
            lost[name] += _purge_table(name, numbers, control, warehouse)
    else:
        raise WarehouseBusyError(
            f"Rows of {names[0]} come again while they are purged: cancel its runs, then purge."
        )
    # What was made of them goes last: until then, a run may make it again of what is left.
    lost += Counter({f"{MODELS_SCHEMA}.{name}": rows for name, rows in warehouse.purge_models(numbers).items()})
    # Again, for who began in between: what is read now finds no rows of them, or leaves them alone.
    control.purges.note(numbers, at=datetime.now(UTC))
    control.attempts.forget(numbers)
    control.check_results.forget(numbers)
    control.unrecorded.forget(numbers)
    warehouse.note_purge(numbers, has_ended=True)
    return +lost


def _take_up(divisions: Collection[int], warehouse: Warehouse) -> None:
    """Take divisions up in the selection of which something is kept: loads of one that it lacks are not refused."""
    selection = warehouse.selection()
    if selection is None or selection.choices is None or selection.problems:
        return
    known = {one.division for one in selection.choices}
    lacking = [one for one in divisions if one not in known and warehouse.names_holding([one], names=tables())]
    if lacking:
        warehouse.refresh_divisions(KnownDivision(division=one) for one in lacking)


def check_purge(divisions: Collection[int], *, control: Control, warehouse: Warehouse) -> Sequence[str]:
    """Return the names of the tables that hold rows of divisions, before anybody is asked whether to delete them.

    Raises:
        SettingsError: one of them is enabled.
        WarehouseBusyError: a run is at work on one of them.
    """
    numbers = sorted(set(divisions))
    _refuse_enabled(numbers, control, warehouse)
    _refuse_busy(numbers, control)
    models = (f"{MODELS_SCHEMA}.{name}" for name in warehouse.model_names(numbers))
    return (*warehouse.names_holding(numbers, names=tables()), *models)


def _refuse_enabled(divisions: Collection[int], control: Control, warehouse: Warehouse) -> None:
    """Refuse to purge what is being loaded.

    Raises:
        SettingsError: one of them is enabled.
    """
    selection, kept = warehouse.selection(), kept_choices(control)
    # Where the selection is gone or cannot be read, what was enabled when that was last known still is.
    is_known = selection is not None and selection.choices and not selection.problems
    choices = [*((selection.choices if selection else None) or ()), *(() if is_known else kept)]
    enabled = sorted({one.division for one in choices if one.sync_enabled and one.division in divisions})
    if enabled:
        numbers = " ".join(map(str, enabled))
        raise SettingsError(
            f"Enabled divisions are not purged: run `exact-assets divisions disable {numbers}` first."
        )


def _refuse_busy(divisions: Sequence[int], control: Control) -> None:
    for name in tables():
        for division in divisions:
            with control.lease(f"stream/{name}/{division}") as is_free:
                if not is_free:
                    raise WarehouseBusyError(
                        f"A run is reading {name} of division {division}: cancel it, then purge. "
                        "Nothing was deleted."
                    )


def _purge_table(name: str, divisions: Sequence[int], control: Control, warehouse: Warehouse) -> int:
    rows = 0
    for first in range(0, len(divisions), LEASES_AT_ONCE):
        part = divisions[first : first + LEASES_AT_ONCE]
        with ExitStack() as leases:
            for division in part:
                # Whoever stores rows of a stream holds its lease.
                if not leases.enter_context(control.lease(f"stream/{name}/{division}")):
                    raise WarehouseBusyError(
                        f"A run is reading {name} of division {division}: cancel it, then purge again, which "
                        "goes on where it stopped."
                    )
            rows += warehouse.purge(name, part)
    return rows
