"""Deletes all that is kept of divisions, in the warehouse and of their visits, while nobody works on them."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack

from exact_assets.catalogue import tables
from exact_assets.control.open import Control
from exact_assets.errors import SettingsError, WarehouseBusyError
from exact_assets.warehouse.protocol import Warehouse


def purge(divisions: Collection[int], *, control: Control, warehouse: Warehouse) -> Mapping[str, int]:
    """Delete the rows, states and visits of divisions; give the rows that each table lost.

    Raises:
        SettingsError: one of them is enabled, and would be loaded again.
        WarehouseBusyError: a run is at work on one of them. Nothing was deleted.
    """
    _refuse_enabled(divisions, warehouse)
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
        _refuse_enabled(divisions, warehouse)
        lost = warehouse.purge(divisions, everything)
        control.visits.forget(divisions)
    return lost


def _refuse_enabled(divisions: Collection[int], warehouse: Warehouse) -> None:
    choices = warehouse.list_divisions() or ()
    enabled = sorted(choice.division for choice in choices if choice.sync_enabled and choice.division in divisions)
    if enabled:
        numbers = " ".join(map(str, enabled))
        raise SettingsError(
            f"Enabled divisions are not purged: run `exact-assets divisions disable {numbers}` first."
        )
