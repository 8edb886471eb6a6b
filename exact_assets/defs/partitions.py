"""Division x year: the partitions that all tables share, and the way from keys to work and back.

Rows without a date, and those older than the first year, are in the first year's partition: so one selection, one
range and one job serve all tables. Dagster's partitions:
https://docs.dagster.io/guides/build/partitions-and-backfills. What a row's year is belongs to the catalogue; which
divisions there are, to the division selection.
"""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

DIVISIONS = dg.DynamicPartitionsDefinition(name="exact_divisions")


def grid(start_year: int) -> dg.MultiPartitionsDefinition:
    """Return division x year, from the starting year to the current one."""
    # A cron schedule of its own, because `start` in `fmt` is what makes yearly windows begin on 1 January.
    years = dg.TimeWindowPartitionsDefinition(
        start=str(start_year), fmt="%Y", cron_schedule="0 0 1 1 *", end_offset=1
    )
    return dg.MultiPartitionsDefinition({"division": DIVISIONS, "year": years})


def requested(keys: Iterable[str]) -> Mapping[int, tuple[int, ...]]:
    """Turn partition keys (`123456|2026`) into years per division.

    A run of the version before may wait with keys of divisions alone: it asks for no year in particular. Keys that
    are no division's, which somebody may have added in the UI, ask for nothing.
    """
    wanted: dict[int, set[int]] = {}
    for key in keys:
        division, _, year = str(key).partition("|")
        if not is_number(division):
            continue
        years = wanted.setdefault(int(division), set())
        if year:
            years.add(int(year))
    return {division: tuple(sorted(years)) for division, years in wanted.items()}


def in_grid(
    wanted: Mapping[int, tuple[int, ...]], years: range
) -> tuple[Mapping[int, tuple[int, ...]], Sequence[str]]:
    """Part what is wanted into that which is in the grid, and the keys of partitions that are not.

    The first year may have been moved since, or somebody named a year to come. Who asks for no year in particular
    asks for nothing that is not there.
    """
    inside = {
        division: tuple(one for one in its if one in years)
        for division, its in wanted.items()
        if not its or any(one in years for one in its)
    }
    outside = [partition_key(one, year) for one, its in sorted(wanted.items()) for year in its if year not in years]
    return inside, outside


def is_number(key: str) -> bool:
    """Return whether a dynamic partition's key is a division's."""
    return key.removeprefix("-").isdecimal()


def divisions_in_order(instance: dg.DagsterInstance) -> Sequence[str]:
    """Return the divisions that have partitions, in the order of these."""
    return [key for key in instance.get_dynamic_partitions(str(DIVISIONS.name)) if is_number(key)]


def partition_key(division: int, year: int) -> str:
    """Turn a division and a year into a partition key."""
    return str(dg.MultiPartitionKey({"division": str(division), "year": str(year)}))
