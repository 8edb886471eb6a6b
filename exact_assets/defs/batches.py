"""Which divisions a tick asks for, in which runs: decisions, without Dagster's instance.

Work is asked for in ranges of the partitions' own order, because one run serves a range in one process: a run per
division would cost more than the loading. A range that an earlier run is still at is not asked for again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exact_assets.defs import tags
from exact_assets.defs.internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

BATCH_DIVISIONS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Neighbouring divisions, in the order of the partitions."""

    divisions: tuple[str, ...]

    def tags(self, year: int) -> Mapping[str, str]:
        """Name the partitions of a run: all of the divisions in one year."""
        return {
            ASSET_PARTITION_RANGE_START_TAG: f"{self.divisions[0]}|{year}",
            ASSET_PARTITION_RANGE_END_TAG: f"{self.divisions[-1]}|{year}",
            tags.NAMED_DIVISIONS: ",".join(self.divisions),
        }

    @property
    def name(self) -> str:
        """Name it by its ends."""
        return f"{self.divisions[0]}-{self.divisions[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a tick asks for, and what it leaves out because it is still under way."""

    asked: tuple[Batch, ...]
    waiting: tuple[Batch, ...]


def decide(
    order: Sequence[str],
    in_flight: Iterable[Mapping[str, str]],
    *,
    wanted: Collection[str] | None = None,
    size: int = BATCH_DIVISIONS,
) -> Decision:
    """Cut the divisions into batches, and leave out those of which a division is still being worked on.

    Args:
        order: all divisions, in the order of the partitions.
        in_flight: the tags of the job's runs that wait or run.
        wanted: those that have work; None: all.
        size: of a batch, at most.
    """
    busy = {division for run_tags in in_flight for division in divisions_of(run_tags, order)}
    batches = tuple(_batches(order, wanted, size))
    waiting = tuple(batch for batch in batches if busy.intersection(batch.divisions))
    return Decision(asked=tuple(batch for batch in batches if batch not in waiting), waiting=waiting)


def divisions_of(run_tags: Mapping[str, str], order: Sequence[str]) -> Sequence[str]:
    """Return the divisions that a run is about.

    An end of its range that has been disabled since leaves open where the range ended: then it goes on to the end
    of the order, so that nothing is asked for twice.
    """
    if tags.NAMED_DIVISIONS in run_tags:
        return run_tags[tags.NAMED_DIVISIONS].split(",")
    one = run_tags.get(PARTITION_NAME_TAG)
    if one is not None:
        return [_division(one)]
    ends = [run_tags.get(ASSET_PARTITION_RANGE_START_TAG), run_tags.get(ASSET_PARTITION_RANGE_END_TAG)]
    if None in ends:
        return order
    first, last = (_division(end or "") for end in ends)
    start = order.index(first) if first in order else 0
    end = order.index(last) if last in order else len(order) - 1
    return order[start : end + 1]


def _batches(order: Sequence[str], wanted: Collection[str] | None, size: int) -> Iterator[Batch]:
    """Cut the order at fixed places, and each piece down to the range of what is wanted in it."""
    for start in range(0, len(order), size):
        piece = order[start : start + size]
        places = [place for place, division in enumerate(piece) if wanted is None or division in wanted]
        if places:
            yield Batch(divisions=tuple(piece[places[0] : places[-1] + 1]))


def _division(partition: str) -> str:
    return partition.partition("|")[0]
