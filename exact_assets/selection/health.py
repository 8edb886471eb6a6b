"""Whether the two stores can be used and the selection be followed: what `status` says before all else."""

from dataclasses import dataclass

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.errors import ControlError, SelectionError, SettingsError, WarehouseError
from exact_assets.selection.kept import NO_LIST, is_gone, kept_choices, problems, require_usable
from exact_assets.warehouse.divisions import DivisionChoice, Selection
from exact_assets.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What could be read, and what is wrong."""

    problems: tuple[str, ...]
    """A sentence each, worst first; empty: nothing is."""
    choices: tuple[DivisionChoice, ...]
    """The selection; where it cannot be read, what was chosen when it last could."""
    control: Control | None
    """None: the control store cannot be used."""


def health_of(config: ExactConfig, warehouse: Warehouse) -> Health:
    """Look at both stores; what cannot be read is a problem, and raises nothing."""
    found: list[str] = []
    selection: Selection | None = None
    control: Control | None = None
    is_read = False
    kept: tuple[DivisionChoice, ...] = ()
    try:
        selection = warehouse.selection()
        is_read = True
        found += [one] if (one := warehouse.obstacle()) else []
    except (WarehouseError, OSError) as error:
        found.append(f"The warehouse cannot be used: {error}")
    try:
        opened = Control.open(config)
        kept = kept_choices(opened)
        found += [one] if (one := opened.obstacle()) else []
        control = opened
    except (ControlError, SettingsError, OSError) as error:
        found.append(f"The control store cannot be used: {error}")
    if is_read:
        found += problems(selection, kept)
        if selection is None and not kept:
            found.append(NO_LIST)
    try:
        choices = (require_usable(selection) if selection else ()) or kept
    except SelectionError:
        choices = kept
    return Health(problems=tuple(found), choices=choices, control=control)


def known_choices(config: ExactConfig, warehouse: Warehouse) -> tuple[DivisionChoice, ...]:
    """Return the choices of a selection that can be read.

    Raises:
        SelectionError: it is gone, or cannot be read.
        SettingsError: there never was one.
    """
    selection = warehouse.selection()
    kept = kept_choices(Control.open(config)) if config.client_id else ()
    if is_gone(selection, kept):
        raise SelectionError(" ".join(problems(selection, kept)))
    if selection is None:
        raise SettingsError(NO_LIST)
    return require_usable(selection)
