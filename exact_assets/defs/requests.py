"""From a run and the division selection to what is asked of each stream. Pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import dagster as dg

from exact_assets.catalogue.table import Table, YearKind
from exact_assets.defs import tags
from exact_assets.defs.batches import divisions_of
from exact_assets.defs.internals import ASSET_PARTITION_RANGE_START_TAG, PARTITION_NAME_TAG
from exact_assets.defs.own_runs import reload_id
from exact_assets.defs.partitions import requested
from exact_assets.defs.selection import first_years_of
from exact_assets.generations import generation_of
from exact_assets.request import Mode, Request
from exact_assets.warehouse.divisions import DivisionChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKind:
    """How a run wants its streams."""

    mode: Mode
    confirm: bool
    """Whether rows may go however many they are."""
    reload_id: str | None
    """The backfill, or the run that began to reload: it asks Exact once."""
    has_all_years: bool
    is_background: bool

    @classmethod
    def of(cls, run: dg.DagsterRun, mode: Mode, *, confirm: bool = False) -> Self:
        """Read a run's tags."""
        return cls(
            mode=mode,
            confirm=confirm,
            reload_id=reload_id(run, is_reload=mode is Mode.RELOAD),
            has_all_years=run.tags.get(tags.ALL_YEARS) == tags.TRUE,
            is_background=run.tags.get(tags.BACKGROUND) == tags.TRUE,
        )

    @property
    def is_reload(self) -> bool:
        """Whether what is there may be asked for again."""
        return self.mode is Mode.RELOAD or self.reload_id is not None


def wanted_by(
    run: dg.DagsterRun, *, planned: Callable[[], Iterable[str]], order: Callable[[], Sequence[str]]
) -> Mapping[int, tuple[int, ...]]:
    """Return the years that a run asks for, per division; none where it names no partitions.

    Dagster is not asked what a run's range is: it cannot tell once an end of it is gone, and tells another one once
    a division was disabled and enabled again.

    Args:
        run: with its tags.
        planned: the partitions that the run was made for; asked where its tags name a range and no divisions.
        order: all divisions; asked for a run of the version before, in which partitions of undated tables were
            divisions alone. Dagster cannot resolve such keys any more.
    """
    named = run.tags.get(PARTITION_NAME_TAG) or run.tags.get(ASSET_PARTITION_RANGE_START_TAG, "")
    if tags.NAMED_DIVISIONS not in run.tags and (not named or "|" in named):
        one = run.tags.get(PARTITION_NAME_TAG)
        return requested(planned() if one is None else [one])
    _, _, year = named.partition("|")
    return {int(division): (int(year),) if year else () for division in divisions_of(run.tags, order())}


def requests(
    table: Table,
    wanted: Mapping[int, tuple[int, ...]],
    choices: Mapping[int, DivisionChoice],
    *,
    kind: RunKind,
    grid_years: range,
) -> Mapping[int, Request]:
    """Return what is asked of each division's stream; none of divisions that were disabled meanwhile.

    Args:
        table: of the streams.
        wanted: years of the requested partitions, per division.
        choices: what users chose, per division.
        kind: of the run.
        grid_years: the years that have partitions.
    """
    first_years = first_years_of(wanted, choices, setting=grid_years[0])
    return {
        division: Request(
            start_year=first_year,
            years=()
            if table.year_kind is YearKind.NONE
            else _years(wanted[division], first_year, kind=kind, grid_years=grid_years),
            mode=kind.mode,
            confirm=kind.confirm,
            is_scheduled=kind.is_background,
            reload_id=kind.reload_id,
            generation=_generation(table, choices.get(division)),
        )
        for division, first_year in first_years.items()
    }


def _years(wanted: tuple[int, ...], first_year: int, *, kind: RunKind, grid_years: range) -> tuple[int, ...]:
    years = grid_years if kind.has_all_years and wanted else wanted
    return tuple(year for year in years if year >= first_year)


def _generation(table: Table, choice: DivisionChoice | None) -> str | None:
    """Name what the stream's Timestamps rest on; None where Exact was never asked about the division."""
    if choice is None or choice.name is None:
        return None
    return generation_of(table, moved_at=choice.moved_at, hr_linked_at=choice.hr_linked_at)
