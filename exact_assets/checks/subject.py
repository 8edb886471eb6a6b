"""A table that is to be checked, with the states of its streams and of those that it is compared with."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from exact_assets.catalogue.table import Table, YearKind
from exact_assets.checks.headers import LineHeader, line_header_of
from exact_assets.checks.ledger import BALANCE, LEDGER
from exact_assets.checks.sql import live
from exact_assets.stream import StreamState
from exact_assets.warehouse.protocol import Warehouse

Streams = Mapping[int, tuple[StreamState, datetime]]
"""By division: a stream's state, and when it was last stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is known of a table before its rows are looked at."""

    table: Table
    warehouse: Warehouse
    zone: str
    start_year: int
    header: LineHeader | None
    """Where the headers of its lines are kept; None: nowhere."""
    balance: Table | None
    """Exact's balances, where they are kept."""
    divisions: frozenset[int] | None
    """Those whose rows are looked at; None: all."""
    streams: Streams
    header_streams: Streams
    balance_streams: Streams

    @classmethod
    def read(
        cls,
        table: Table,
        kept: Iterable[Table],
        *,
        warehouse: Warehouse,
        zone: str,
        start_year: int,
        divisions: Collection[int] | None = None,
    ) -> Self:
        """Read the states of streams, of all divisions or of some."""
        by_name = {one.name: one for one in kept}
        header = line_header_of(table)
        header = header if header is not None and header.table.name in by_name else None
        balance = by_name.get(BALANCE) if table.name == LEDGER else None
        asked = [table, *([header.table] if header else []), *([balance] if balance else [])]
        streams = warehouse.streams(asked)
        if divisions is not None:
            streams = {
                name: {division: one for division, one in found.items() if division in divisions}
                for name, found in streams.items()
            }
        return cls(
            table=table,
            warehouse=warehouse,
            zone=zone,
            start_year=start_year,
            divisions=None if divisions is None else frozenset(divisions),
            header=header,
            balance=balance,
            streams=streams[table.name],
            header_streams=streams[header.table.name] if header else {},
            balance_streams=streams[balance.name] if balance else {},
        )

    def live(self, table: Table) -> str:
        """Return the rows that are there, of the divisions that are looked at, as a relation."""
        return live(table, divisions=self.divisions)

    @property
    def first_years(self) -> Mapping[int, int]:
        """The years before which rows were left out, by division; tables that keep all rows have none."""
        if self.table.year_kind is not YearKind.BUSINESS:
            return {}
        return {
            division: state.start_year
            for division, (state, _) in self.streams.items()
            if state.start_year is not None
        }

    @property
    def unsettled(self) -> Mapping[int, str]:
        """The divisions in which rows are missing because a load is under way, with the words for it."""
        return {division: why for division, (state, _) in self.streams.items() if (why := unsettled(state))}


def unsettled(state: StreamState) -> str | None:
    """Return why a stream's rows are not all there yet; None: they are."""
    if not state.is_loaded:
        return "its first load has not ended"
    if state.chain is not None and not state.chain.reload:
        return "a load is under way, or was interrupted"
    return None
