"""Discovery of divisions: brings the selection in step with what Exact lists. When to ask is decided elsewhere."""

from collections.abc import Collection

from exact_assets.control.open import Control
from exact_assets.selection.kept import is_gone, kept_choices, restore
from exact_assets.warehouse.divisions import KnownDivision
from exact_assets.warehouse.protocol import Warehouse


async def discover_divisions(
    control: Control, warehouse: Warehouse, *, partitions: Collection[int] = ()
) -> tuple[int, ...]:
    """Ask Exact which divisions there are, renew what is known of them; return those that are new, not enabled.

    A selection that is gone is restored first: filled with divisions that are not enabled it would be a choice.

    Args:
        control: where the choice is kept.
        warehouse: that has the selection.
        partitions: divisions that were chosen, where nothing is kept.

    Raises:
        ExactError: Exact does not say.
        WarehouseError: the selection cannot be written.
    """
    async with control.client() as client:
        found = await client.divisions()
    kept = kept_choices(control, partitions)
    if is_gone(warehouse.selection(), kept):
        restore(control, warehouse, kept)
    added = warehouse.refresh_divisions(
        KnownDivision(
            division=one.code,
            name=one.description,
            moved_at=one.division_move_date,
            hr_linked_at=one.division_hr_link_unlink_date,
        )
        for one in found
    )
    control.listing.keep([one.code for one in found])
    return added
