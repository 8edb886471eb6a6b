"""Brings the division selection in step with what Exact lists. When to ask is decided elsewhere."""

from exact_assets.control.open import Control
from exact_assets.warehouse.divisions import KnownDivision
from exact_assets.warehouse.protocol import Warehouse


async def take_up_divisions(control: Control, warehouse: Warehouse) -> tuple[int, ...]:
    """Ask Exact which divisions there are, renew what is known of them; give those that are new, not enabled.

    Raises:
        ExactError: Exact does not say.
        WarehouseError: the selection cannot be written.
    """
    async with control.client() as client:
        found = await client.divisions()
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
