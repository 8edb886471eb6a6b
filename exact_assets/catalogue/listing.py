"""The catalogue as a list for people and programs: what `exact-assets tables` shows."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from exact_assets.catalogue.frequencies import label
from exact_assets.catalogue.table import Table, YearKind
from exact_assets.catalogue.tables import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A table in one line."""

    name: str
    feed: str
    key: tuple[str, ...]
    year: str | None
    """The column that tells a row's year first of all; None: undated."""
    calls_per_thousand_rows: int
    """At most: a full page is `page_size` rows, or that many headers with all their lines."""
    group: str
    is_default: bool
    frequency: str | None
    """How often it is brought up to date, `6h`; None: it is not kept."""
    endpoint: str
    left_out: tuple[str, ...] = ()
    """Properties that Exact said it does not know: they are asked for again after a month or an upgrade."""


def listing(
    chosen: Iterable[Table] | None = None,
    *,
    kept: Collection[Table] = (),
    left_out: Mapping[str, Collection[str]] | None = None,
) -> tuple[Listed, ...]:
    """List tables, by default all of them, in order of name.

    Args:
        chosen: None: all.
        kept: those that the settings choose.
        left_out: properties that are not asked for now, by table name.
    """
    frequencies = {table.name: label(table.frequency_minutes) for table in kept}
    return tuple(
        Listed(
            name=table.name,
            feed=table.feed.value,
            key=table.key,
            year=_year(table),
            calls_per_thousand_rows=-(-1000 // table.page_size),
            group=table.group,
            is_default=table.is_default,
            frequency=frequencies.get(table.name),
            endpoint=table.endpoint,
            left_out=tuple(sorted((left_out or {}).get(table.name, ()))),
        )
        for table in (tables().values() if chosen is None else chosen)
    )


def _year(table: Table) -> str | None:
    if table.year_kind is YearKind.NONE:
        return None
    return table.year[0] if table.year else "its header's"
