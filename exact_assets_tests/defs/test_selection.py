"""The division selection becomes partitions."""

import dagster as dg

from exact_assets.defs.partitions import DIVISIONS
from exact_assets.defs.selection import PartitionChanges, apply, partition_changes


def test_enabled_divisions_get_partitions_and_others_lose_them() -> None:
    assert partition_changes({100, 200}, ["200", "300"]) == PartitionChanges((100,), (300,))


def test_a_selection_that_cannot_be_read_changes_nothing() -> None:
    assert partition_changes(None, ["200"]) == PartitionChanges((), ())


def test_an_empty_selection_removes_all() -> None:
    assert partition_changes(set(), ["200"]) == PartitionChanges((), (200,))


def test_changes_reach_the_instance() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        apply(instance, PartitionChanges((100, 200), ()))
        apply(instance, PartitionChanges((), (100,)))
        assert list(instance.get_dynamic_partitions(str(DIVISIONS.name))) == ["200"]
