"""From outcomes to what Dagster shows: a materialisation for each partition that is up to date, or one failure.

Pure functions: outcomes in, events out. What was done is decided in `replicate`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from exact_assets.catalogue.table import Table
from exact_assets.defs.partitions import partition_key
from exact_assets.exact.limits import Quota
from exact_assets.planning.shares import is_unfinished
from exact_assets.request import Outcome
from exact_assets.stream import StreamState

MOST_WARNINGS = 5
"""Shown in words; the others stand beside them."""


def materialisations(
    key: dg.AssetKey,
    outcome: Outcome,
    *,
    requested_years: tuple[int, ...],
    grid_years: range,
) -> Iterator[dg.AssetMaterialization]:
    """Yield the partitions of a division that are up to date: those asked for, and others whose rows changed.

    Years that were never loaded get no event, though a catch-up may have brought rows of theirs.
    """
    if outcome.error is not None:
        return
    changed = _by_partition(outcome.changes.years, grid_years)
    counts = _by_partition(outcome.row_counts, grid_years)
    for year in _recorded(outcome, requested_years, changed):
        yield dg.AssetMaterialization(
            asset_key=key,
            partition=partition_key(outcome.division, year),
            metadata=_metadata(outcome, rows=counts.get(year, 0), changed=changed.get(year, 0)),
        )


def taken_away(
    specs: Mapping[str, dg.AssetSpec],
    source: Table,
    outcome: Outcome,
    grid_years: range,
    *,
    states: Mapping[str, StreamState],
) -> Iterator[dg.AssetMaterialization]:
    """Yield the partitions of other tables from which rows went: by the deletion log, or with their header."""
    for name, changes in sorted(outcome.elsewhere.items()):
        if name not in specs:
            continue  # a table that is not kept any more
        loaded = states[name].years if name in states else ()
        for year, rows in sorted(_by_partition(changes.years, grid_years).items(), key=str):
            if loaded and year not in loaded:
                continue  # a year that was never loaded is not up to date now
            yield dg.AssetMaterialization(
                asset_key=specs[name].key,
                partition=partition_key(outcome.division, year),
                description=f"{rows} rows that are gone from Exact were taken away, as {source.name} told.",
                metadata={"rows_deleted": rows},
            )


def unchanged(key: dg.AssetKey, outcomes: Iterable[Outcome]) -> dg.AssetMaterialization | None:
    """Return that a table was read and nothing in it is new; None: no division is up to date.

    It names no partition, so that the table counts as fresh, and nothing downstream is asked for.
    """
    read = [outcome for outcome in outcomes if outcome.error is None]
    if not read:
        return None
    return dg.AssetMaterialization(
        asset_key=key,
        description=f"Nothing is new in {len(read)} divisions.",
        metadata={"stream_calls": sum(one.calls for one in read), **_table_rows(read[0])},
    )


def failure(table: Table, outcomes: Iterable[Outcome]) -> dg.Failure | None:
    """Return which divisions are not up to date and why; None: all are, or wait for calls only."""
    everyone = list(outcomes)
    waiting = [o for o in everyone if o.waits_until is not None]
    failed = sorted((o for o in everyone if o.error is not None and o not in waiting), key=lambda o: o.division)
    if not failed:
        return None
    reasons = "\n".join(f"{o.division}: {o.error}" for o in failed)
    return dg.Failure(
        description=f"{len(failed)} of {len(everyone)} divisions of {table.name} are not up to date.\n{reasons}",
        metadata={
            "failed_divisions": dg.JsonMetadataValue({str(o.division): str(o.error) for o in failed}),
            "divisions_up_to_date": len(everyone) - len(failed) - len(waiting),
        },
        allow_retries=False,
    )


def waiting(key: dg.AssetKey, table: Table, outcomes: Iterable[Outcome]) -> dg.AssetObservation | None:
    """Return which divisions wait for calls, and until when; None: none does. What was loaded is stored."""
    found = sorted((o for o in outcomes if o.waits_until is not None), key=lambda o: o.division)
    if not found:
        return None
    until = max(o.waits_until for o in found if o.waits_until is not None)
    return dg.AssetObservation(
        asset_key=key,
        description=f"{len(found)} divisions of {table.name} are partly up to date: the day's calls are used. "
        f"What is left goes on with the next run, after {until:%Y-%m-%d %H:%M} UTC at the latest.",
        metadata={
            "waiting_divisions": dg.JsonMetadataValue({str(o.division): str(o.error) for o in found}),
            "waits_until": dg.TimestampMetadataValue(until.timestamp()),
            "stream_calls": sum(o.calls for o in found),
            "stream_rows_inserted": sum(o.changes.inserted for o in found),
        },
    )


def warned(key: dg.AssetKey, outcomes: Iterable[Outcome]) -> dg.AssetObservation | None:
    """Return what somebody should know of divisions that are up to date; None: nothing."""
    found = sorted((one for one in outcomes if one.warnings), key=lambda one: one.division)
    if not found:
        return None
    words = [words for one in found for words in one.warnings]
    return dg.AssetObservation(
        asset_key=key,
        description="\n".join(words[:MOST_WARNINGS]),
        metadata={"warned_divisions": dg.JsonMetadataValue({str(one.division): one.warnings for one in found})},
    )


def newly_loaded(outcome: Outcome, grid_years: range) -> tuple[int, ...]:
    """Return the years that a load which has now ended brought, rows or not."""
    before, after = outcome.before, outcome.state
    if is_unfinished(after):
        return ()
    if is_unfinished(before):
        return after.years or tuple(grid_years)
    return tuple(sorted(set(after.years) - set(before.years)))


def loaded_years(outcome: Outcome, years: range) -> tuple[int, ...]:
    """Return those of some years that are loaded, rows or not; none while a load is under way."""
    if outcome.error is not None or is_unfinished(outcome.state):
        return ()
    return tuple(year for year in outcome.state.years or years if year in years)


def _recorded(outcome: Outcome, requested_years: tuple[int, ...], changed: Mapping[int, int]) -> Sequence[int]:
    loaded = outcome.state.years
    others = {year for year in changed if not loaded or year in loaded}
    return sorted(others | set(requested_years))


def _by_partition(rows_by_year: Mapping[int | None, int], grid_years: range) -> Mapping[int, int]:
    """Add up rows per partition: the first year holds all earlier rows, and those without a year.

    Coming years have no partition yet.
    """
    partitions: dict[int, int] = {}
    for year, rows in rows_by_year.items():
        partition = grid_years[0] if year is None else max(year, grid_years[0])
        if partition in grid_years:
            partitions[partition] = partitions.get(partition, 0) + rows
    return partitions


def _metadata(outcome: Outcome, *, rows: int, changed: int) -> dict[str, dg.MetadataValue | int | float | str]:
    metadata: dict[str, dg.MetadataValue | int | float | str] = {
        "dagster/partition_row_count": rows,
        **_table_rows(outcome),
        "rows_changed": changed,
        # Of the whole stream: Exact is not asked per year.
        "stream_calls": outcome.calls,
        "stream_rows_inserted": outcome.changes.inserted,
        "stream_rows_updated": outcome.changes.updated,
        "stream_rows_deleted": outcome.changes.deleted,
        "seconds": round(outcome.seconds, 3),
        "cursor": outcome.state.cursor_text or "none",
    }
    if outcome.elsewhere:
        deleted = {name: changes.deleted for name, changes in sorted(outcome.elsewhere.items())}
        metadata["rows_deleted_in_other_tables"] = dg.JsonMetadataValue(deleted)
    if outcome.quota is not None and (left := _calls_left(outcome.quota)):
        metadata["calls_left"] = left
    return metadata


def _table_rows(outcome: Outcome) -> Mapping[str, int]:
    return {} if outcome.table_rows is None else {"dagster/row_count": outcome.table_rows}


def _calls_left(quota: Quota) -> str:
    """Write it in words: a number would be plotted from run to run, of whichever division ran last."""
    left = {"this minute": quota.minute.remaining, "today": quota.day.remaining}
    return ", ".join(f"{calls:,} {name}" for name, calls in left.items() if calls is not None)
