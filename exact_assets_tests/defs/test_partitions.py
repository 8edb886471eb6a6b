"""Partition keys, there and back."""

from datetime import UTC, datetime

import dagster as dg

from exact_assets.defs.partitions import DIVISIONS, grid, partition_key, requested


def test_keys_become_years_per_division() -> None:
    keys = ["100|2025", "200|2026", "100|2024"]
    assert requested(keys) == {100: (2024, 2025), 200: (2026,)}


def test_keys_of_divisions_alone_as_the_version_before_made_them_have_no_year() -> None:
    assert requested(["100", "200"]) == {100: (), 200: ()}


def test_a_key_made_from_its_parts_reads_back() -> None:
    assert requested([partition_key(100, 2026)]) == {100: (2026,)}


def test_the_grid_runs_from_the_starting_year_to_the_current_one() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(DIVISIONS.name), ["100"])
        now = datetime(2026, 7, 1, tzinfo=UTC)
        keys = grid(2024).get_partition_keys(current_time=now, dynamic_partitions_store=instance)
    assert list(keys) == ["100|2024", "100|2025", "100|2026"]
