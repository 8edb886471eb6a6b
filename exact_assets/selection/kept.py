"""The choice of divisions when the warehouse has lost it: what is kept in mind, when it counts, and its way back.

A table that was just made says nothing of what users chose: the file was deleted, moved or emptied. So an empty
selection beside divisions that were chosen before is unknown, and never a choice of nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from exact_assets.control.choices import Choice
from exact_assets.control.open import Control
from exact_assets.errors import SelectionError
from exact_assets.warehouse.divisions import TABLE, DivisionChoice, Selection
from exact_assets.warehouse.protocol import Warehouse

NO_LIST = "There is no list of divisions yet: run `exact-assets connect`, then `exact-assets divisions refresh`."
MOST_ENABLED = 2_000
"""Divisions; four times what this is made for. More is a mistake, which would cost days of calls and gigabytes."""
SMALLEST_YEAR, LARGEST_YEAR = -(2**15), 2**15 - 1
"""What the column `start_year` of a new table holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restoration did."""

    divisions: tuple[int, ...]
    """Those that are enabled again."""
    is_data_gone: bool
    """Whether their rows are gone too, so that all is loaded anew."""
    aside: str | None = None
    """The new name of a table that could not be read."""

    def __str__(self) -> str:
        """Describe the restoration, for people."""
        count = len(self.divisions)
        named = ", ".join(map(str, self.divisions[:10])) + (", …" if count > 10 else "")
        parts = [f"The division selection was gone and is restored: {count} divisions are enabled ({named})."]
        if self.is_data_gone:
            parts.append("The warehouse has no rows of them: the next loads bring all of them anew.")
        if self.aside:
            parts.append(f"The table that could not be read is {self.aside} now.")
        return " ".join(parts)


def is_gone(selection: Selection | None, kept: Iterable[DivisionChoice]) -> bool:
    """Whether the selection is missing or empty, though something was chosen before."""
    is_empty = selection is None or selection.choices == ()
    return is_empty and not (selection and selection.problems) and any(one.sync_enabled for one in kept)


def kept_choices(control: Control, partitions: Collection[int] = ()) -> tuple[DivisionChoice, ...]:
    """Read what was chosen when that was last known; else the divisions that have partitions are enabled."""
    kept = {
        division: DivisionChoice(division=division, sync_enabled=one.is_enabled, start_year=one.start_year)
        for division, one in control.choices.read().items()
    }
    if not any(one.sync_enabled for one in kept.values()):
        kept |= {division: DivisionChoice(division=division, sync_enabled=True) for division in partitions}
    return tuple(kept[division] for division in sorted(kept))


def keep(control: Control, selection: Selection | None) -> None:
    """Keep the choices of a selection that is there and sound; any other leaves what is kept as it is."""
    if selection is None or not selection.choices or selection.problems:
        return
    control.choices.keep(
        {
            one.division: Choice(is_enabled=one.sync_enabled, start_year=one.start_year)
            for one in selection.choices
            if one.sync_enabled or one.start_year is not None
        }
    )


def restore(control: Control, warehouse: Warehouse, kept: Collection[DivisionChoice]) -> Restored:
    """Write kept choices into the selection. Where the rows are gone too, no division counts as loaded any more."""
    sound = [replace(one, start_year=_year(one.start_year)) for one in kept]
    divisions = tuple(one.division for one in sound if one.sync_enabled)
    is_data_gone = not any(warehouse.states_of(divisions).values())
    if is_data_gone:
        # First: a process that is killed in between does this again, as long as the selection is not there.
        control.attempts.forget(divisions)
    aside = warehouse.restore_divisions(sound)
    return Restored(divisions=divisions, is_data_gone=is_data_gone, aside=aside)


def require_usable(selection: Selection) -> tuple[DivisionChoice, ...]:
    """Return the choices of a selection that can be followed.

    Raises:
        SelectionError: it cannot be read, or enables far too much.
    """
    if selection.choices is None:
        raise SelectionError(" ".join(selection.problems))
    enabled = sum(one.sync_enabled for one in selection.choices)
    if enabled > MOST_ENABLED:
        raise SelectionError(
            f"{TABLE} enables {enabled} divisions; at most {MOST_ENABLED} can be kept up to date: set "
            "sync_enabled to false for the others, or run `exact-assets divisions restore`. "
            "Until then nothing changes."
        )
    return selection.choices


def problems(selection: Selection | None, kept: Collection[DivisionChoice]) -> tuple[str, ...]:
    """Return what is wrong with a selection and what to do, a sentence each; empty: nothing is."""
    if is_gone(selection, kept):
        enabled = sum(one.sync_enabled for one in kept)
        return (
            (
                f"The division selection is gone ({TABLE} is missing or empty), where {enabled} divisions were "
                "enabled: nothing is removed. A running Dagster restores it; to do it now: "
                "`exact-assets divisions restore`."
            ),
        )
    if selection is None:
        return ()
    try:
        require_usable(selection)
    except SelectionError as error:
        return (str(error),)
    return selection.problems


def _year(year: int | None) -> int | None:
    return year if year is not None and SMALLEST_YEAR <= year <= LARGEST_YEAR else None
