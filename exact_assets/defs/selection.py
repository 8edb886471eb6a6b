"""From the division selection to Dagster's dynamic partitions, and to what a run asks for.

The decisions are pure functions: which divisions to add and to remove. Removing partitions deletes no data.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from exact_assets.defs.internals import get_possibly_temporary_instance_for_cli
from exact_assets.defs.partitions import DIVISIONS, is_number
from exact_assets.defs.runs import awaited_divisions
from exact_assets.selection.status import is_found, start_year_of
from exact_assets.warehouse.divisions import DivisionChoice


@dataclass(frozen=True, slots=True)
class PartitionChanges:
    """Divisions whose partitions are to come and to go."""

    added: tuple[int, ...]
    removed: tuple[int, ...]

    def without(self, kept: Collection[int]) -> "PartitionChanges":
        """Return the changes with some divisions that do not go yet."""
        return PartitionChanges(self.added, tuple(one for one in self.removed if one not in kept))


def partition_changes(
    enabled: Collection[int] | None,
    existing: Iterable[str],
    *,
    listed: Collection[int] | None = None,
    is_whole: bool = True,
) -> PartitionChanges:
    """Compare the selection with the partitions; None, a selection that cannot be read, changes nothing.

    One of which some rows cannot be read (`is_whole` false) removes nothing.

    A division that Exact does not list gets no partition, but keeps the one that it has: its loads say what is
    wrong, and it may be granted again.
    """
    if enabled is None:
        return PartitionChanges((), ())
    known = numbers(existing)
    found = {division for division in enabled if is_found(division, listed)}
    removed = known - set(enabled) if is_whole else ()
    return PartitionChanges(tuple(sorted(found - known)), tuple(sorted(removed)))


def numbers(keys: Iterable[str]) -> frozenset[int]:
    """Read partition keys as divisions; others, which somebody may have added in the UI, are left alone."""
    return frozenset(int(key) for key in keys if is_number(key))


def first_years_of(
    divisions: Iterable[int], choices: Mapping[int, DivisionChoice], *, setting: int
) -> Mapping[int, int]:
    """Return the first business year of each division, without those that were disabled meanwhile.

    A division that is not in the selection was asked for by somebody who does without one.
    """
    this_year = datetime.now(UTC).year
    chosen = ((division, choices.get(division)) for division in divisions)
    return {
        division: start_year_of(choice, setting=setting, this_year=this_year)
        for division, choice in chosen
        if choice is None or choice.sync_enabled
    }


def apply_to_instance(
    enabled: Collection[int] | None, *, listed: Collection[int] | None = None, is_whole: bool = True
) -> PartitionChanges:
    """Make the dynamic partitions of this folder's Dagster instance follow the selection."""
    name = str(DIVISIONS.name)
    with get_possibly_temporary_instance_for_cli("exact-assets divisions") as instance:
        changes = partition_changes(
            enabled, instance.get_dynamic_partitions(name), listed=listed, is_whole=is_whole
        )
        changes = changes.without(awaited_divisions(instance, changes.removed, now=datetime.now(UTC)))
        apply(instance, changes)
    return changes


def partitions_of_instance() -> frozenset[int]:
    """Return the divisions that have a partition in this folder's Dagster instance."""
    with get_possibly_temporary_instance_for_cli("exact-assets divisions") as instance:
        return numbers(instance.get_dynamic_partitions(str(DIVISIONS.name)))


def apply(instance: dg.DagsterInstance, changes: PartitionChanges) -> None:
    """Add and remove partitions, in bulk where Dagster can."""
    name = str(DIVISIONS.name)
    if changes.added:
        instance.add_dynamic_partitions(name, [str(division) for division in changes.added])
    for division in changes.removed:
        instance.delete_dynamic_partition(name, str(division))
