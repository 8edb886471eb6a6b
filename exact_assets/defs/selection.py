"""From the division selection to Dagster's dynamic partitions.

The decision is a pure function: which divisions to add and to remove. Removing partitions deletes no data.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import dagster as dg
from dagster._cli.utils import get_possibly_temporary_instance_for_cli

from exact_assets.defs.partitions import DIVISIONS


@dataclass(frozen=True, slots=True)
class PartitionChanges:
    """Divisions whose partitions are to come and to go."""

    added: tuple[int, ...]
    removed: tuple[int, ...]


def partition_changes(enabled: Collection[int] | None, existing: Iterable[str]) -> PartitionChanges:
    """Compare the selection with the partitions; None, a selection that cannot be read, changes nothing."""
    if enabled is None:
        return PartitionChanges((), ())
    known = {int(key) for key in existing}
    return PartitionChanges(tuple(sorted(set(enabled) - known)), tuple(sorted(known - set(enabled))))


def apply_to_instance(enabled: Collection[int] | None) -> PartitionChanges:
    """Make the dynamic partitions of this folder's Dagster instance follow the selection."""
    name = str(DIVISIONS.name)
    with get_possibly_temporary_instance_for_cli("exact-assets divisions") as instance:
        changes = partition_changes(enabled, instance.get_dynamic_partitions(name))
        apply(instance, changes)
    return changes


def apply(instance: dg.DagsterInstance, changes: PartitionChanges) -> None:
    """Add and remove partitions, in bulk where Dagster can."""
    name = str(DIVISIONS.name)
    if changes.added:
        instance.add_dynamic_partitions(name, [str(division) for division in changes.added])
    for division in changes.removed:
        instance.delete_dynamic_partition(name, str(division))
