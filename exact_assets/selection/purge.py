"""Deletes all that is kept of divisions, in the warehouse and of their visits, while nobody works on them."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack

from exact_assets.catalogue import tables
from exact_assets.control.open import Control
from exact_assets.errors import SettingsError, WarehouseBusyError
from exact_assets.selection.kept import kept_choices
from exact_assets.warehouse.protocol import Warehouse


def purge(divisions: Collection[int], *, control: Control, warehouse: Warehouse) -> Mapping[str, int]:
    """Delete the rows, states and visits of divisions; give the rows that each table lost.

    Raises:
        SettingsError: one of them is enabled, and would be loaded again.
        WarehouseBusyError: a run is at work on one of them. Nothing was deleted.
    """
    _refuse_enabled(divisions, control, warehouse)
    everything = list(tables().values())
    with ExitStack() as leases:
        for division in divisions:
            for table in everything:
                # Whoever stores rows of a stream holds its lease.
                if not leases.enter_context(control.lease(f"stream/{table.name}/{division}")):
                    raise WarehouseBusyError(
                        f"A run is reading {table.name} of division {division}: cancel it, then purge. "
                        "Nothing was deleted."
                    )
        # Asked again now that no load can be under way: somebody may have enabled one meanwhile.
        _refuse_enabled(divisions, control, warehouse)
        lost = warehouse.purge(divisions, everything)
        control.visits.forget(divisions)
    return lost


def _refuse_enabled(divisions: Collection[int], control: Control, warehouse: Warehouse) -> None:
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
