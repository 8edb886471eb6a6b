"""Division x year: the partitions that all tables share, and the way from keys to work and back.

Rows without a date, and those older than the first year, are in the first year's partition: so one selection, one
range and one job serve all tables. Dagster's partitions:
https://docs.dagster.io/guides/build/partitions-and-backfills. What a row's year is belongs to the catalogue; which
divisions there are, to the division selection.
"""

from collections.abc import Iterable, Mapping

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

    A run of the version before may wait with keys of divisions alone: it asks for no year in particular.
    """
    wanted: dict[int, set[int]] = {}
    for key in keys:
        division, _, year = str(key).partition("|")
        years = wanted.setdefault(int(division), set())
        if year:
            years.add(int(year))
    return {division: tuple(sorted(years)) for division, years in wanted.items()}


def partition_key(division: int, year: int) -> str:
    """Turn a division and a year into a partition key."""
    return str(dg.MultiPartitionKey({"division": str(division), "year": str(year)}))
