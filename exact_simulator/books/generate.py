"""Fills base tables with rows, all in SQL. Creation and later inserts run the same statements.

Bound parameters: `d` (place of the division, from 0), `division`, `g3`, `g4` (its part in GUIDs), `seed`, `mix`,
`first`, `last` (row numbers; for tables made from headers, those of the headers), `ts` (first Timestamp), `late`
(what is added to the Timestamp of rows that were changed long after), `start` and `step` (Created, ms), `until`
(ms), `now` (ms; null at creation), `kind` (of entry; null: by pattern).
"""

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from exact_simulator.books import sql
from exact_simulator.books.rules import Years
from exact_simulator.books.shape import Shape, base

TIMESTAMPS_PER_ROW = 16
"""Room in the rowversion counter for a row; a header and its lines share it."""
MASTER_YEARS = 6
"""Master data begins so many years before the first."""
_YEARS_AFTER = 5
"""Years after the last one that records added on demand can be in."""
_LATE_MS = 30 * sql.DAY_MS
_KINDS = "substr('SPSBSPGSPBSPSCSPBSGP',1+n%20,1)"
_MAX_LINES = 4


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows to make of one table in one division."""

    first: int
    last: int
    timestamp: int
    """First of `2 * TIMESTAMPS_PER_ROW` Timestamps per row."""
    now_ms: int | None = None
    kind: str | None = None


@dataclass(frozen=True, kw_only=True)
class Division:
    """A division as the generator sees it."""

    place: int
    number: int

    def guid_parts(self, seed: int) -> tuple[str, str]:
        """Third and fourth group of its GUIDs, without and with the digit before."""
        return f"{(self.place * 2677 + seed * 13) & 0xFFF:03x}", f"a{(seed * 1009 + 7) & 0xFFF:03x}"


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Makes rows for one set of books."""

    seed: int
    years: Years
    until_ms: int
    """Nothing was created or changed after this."""
    is_hostile: bool = True
    """Whether a few lines have amounts at the edge."""

    def create(self, connection: sqlite3.Connection, shape: Shape) -> None:
        """Create the base table without indexes."""
        columns = ["_n INTEGER PRIMARY KEY", "_division INTEGER", "Timestamp INTEGER"]
        names = [*shape.columns, *(name for name in ("Created", "Modified") if name not in shape.columns)]
        # A reference needs its affinity: else SQLite finds no index for `reference = row number`.
        columns += [f'"{name}" {"INTEGER" if name in shape.references else ""}' for name in names]
        connection.execute(f"CREATE TABLE {base(shape.name)} ({', '.join(columns)})")

    def index(self, connection: sqlite3.Connection, shape: Shape) -> None:
        """Create the indexes: every order and range that endpoints are read by."""
        for name in dict.fromkeys(["Timestamp", "Modified", *shape.model.indexed]):
            connection.execute(f'CREATE INDEX "ix_{shape.name}_{name}" ON {base(shape.name)} (_division, "{name}")')
        if shape.identity:
            connection.execute(
                f'CREATE UNIQUE INDEX "ux_{shape.name}" ON {base(shape.name)} (_division, "{shape.identity}")'
            )
        if shape.identity and shape.model.source == "documents":
            # Lines are asked for by their header's identity alone: the division is on the line.
            connection.execute(f'CREATE INDEX "id_{shape.name}" ON {base(shape.name)} ("{shape.identity}")')

    def fill(self, connection: sqlite3.Connection, shape: Shape, division: Division, batch: Batch) -> None:
        """Insert the rows of a batch."""
        if batch.last >= batch.first:
            connection.execute(self._insert(shape), self._parameters(shape, division, batch))

    def _parameters(self, shape: Shape, division: Division, batch: Batch) -> dict[str, object]:
        start = sql.ms_of_year(self.years.first - (0 if shape.is_dated else MASTER_YEARS))
        count = batch.last - batch.first + 1
        g3, g4 = division.guid_parts(self.seed)
        return {
            "d": division.place,
            "division": division.number,
            "g3": g3,
            "g4": g4,
            "seed": self.seed,
            "mix": zlib.crc32(f"{self.seed}.{shape.number}.{division.place}".encode()) & 0x3FFFFFFF,
            "first": batch.first,
            "last": batch.last,
            "ts": batch.timestamp,
            "late": count * TIMESTAMPS_PER_ROW,
            "start": start,
            "step": max(1, (self.until_ms - start) // count),
            "until": self.until_ms,
            "now": batch.now_ms,
            "kind": batch.kind,
        }

    def _insert(self, shape: Shape) -> str:
        values = {"_n": "row_n", "_division": ":division", "Timestamp": "ts"}
        values |= {"Created": "c", "Modified": "m"} | dict(shape.columns)
        names = ", ".join(f'"{name}"' for name in values)
        with_, from_ = self._source(shape)
        return f"{with_} INSERT INTO {base(shape.name)} ({names}) SELECT {', '.join(values.values())} FROM {from_}"

    def _source(self, shape: Shape) -> tuple[str, str]:
        """CTEs and FROM clause that give the generator's rows."""
        if shape.model.source == "lines":
            return "", self._lines(shape)
        if shape.model.source == "entries":
            return "", self._entries(shape)
        steps = ["RECURSIVE seq(n) AS (VALUES(:first) UNION ALL SELECT n+1 FROM seq WHERE n<:last)", *self._rows()]
        last = "row"
        if shape.model.source == "documents":
            steps += self._documents()
            last = "document"
        return f"WITH {', '.join(steps)}", last

    def _rows(self) -> Iterator[str]:
        """`row`: numbers with a hash, Created and Modified.

        Some are created at the very start or end of a year, some changed years later or in the hours around a
        change of the clocks.
        """
        first, last = self.years.first - MASTER_YEARS, self.years.last
        at = f"min(:until,:start+:step*(n-:first)+{sql.draw('created', 'max(1,:step)')})"
        # Each step is kept, or SQLite would work it out again wherever the next ones name it.
        yield (
            "hashed AS MATERIALIZED (SELECT n, (((n*2654435761+:mix*7)&2147483647)*1103515245+12345>>9)&2147483647"
            " AS h FROM seq)"
        )
        yield (
            f"born AS MATERIALIZED (SELECT n, h, CASE WHEN :now IS NOT NULL THEN :now ELSE {_awake(at)} END AS c0"
            " FROM hashed)"
        )
        yield (
            f"dated AS MATERIALIZED (SELECT n, h, c0, {sql.year_of('c0', first, last + _YEARS_AFTER)} AS y"
            " FROM born)"
        )
        yield (
            f"created AS MATERIALIZED (SELECT n, h, y, CASE WHEN :now IS NOT NULL THEN :now ELSE CASE"
            f" {sql.draw('edge', 89)} WHEN 0 THEN {sql.year_start('y', first, last)}"
            f" WHEN 1 THEN min(:until, {sql.year_start('y+1', first, last)}-3) ELSE c0 END END AS c FROM dated)"
        )
        yield f"changed AS MATERIALIZED (SELECT n, h, y, c, {self._modified()} AS m FROM created)"
        yield (
            f"row AS (SELECT n, (:d<<32)+n AS row_n, h, y, c, m, :ts+{TIMESTAMPS_PER_ROW}*(n-:first)+h%7"
            f"+CASE WHEN m-c>{_LATE_MS} THEN :late ELSE 0 END AS ts FROM changed)"
        )

    def _modified(self) -> str:
        spring, autumn = sql.clock_changes(self.years.first - MASTER_YEARS, self.years.last)
        near = sql.draw("clock", 3 * sql.HOUR_MS)
        skip = dict.fromkeys(spring, f"+{sql.HOUR_MS}*({near}>={sql.HOUR_MS})")
        clocks = [
            f"WHEN c<{at - sql.HOUR_MS} THEN {at - sql.HOUR_MS}+{near}{skip.get(at, '')}"
            for at in sorted(spring + autumn)
        ]
        later = (
            f"CASE {sql.draw('later', 16)} WHEN 15 THEN c+{sql.draw('years', 1000)}*{sql.DAY_MS}+h%{sql.DAY_MS}"
            f" WHEN 14 THEN c+{sql.draw('month', 60)}*{sql.DAY_MS}+h%{sql.DAY_MS}"
            f" WHEN 13 THEN c+h%{3 * sql.DAY_MS} WHEN 12 THEN c+h%{sql.DAY_MS} ELSE c END"
        )
        return (
            f"CASE WHEN :now IS NOT NULL THEN :now"
            f" WHEN {sql.draw('dst', 41)}=0 THEN min(max(c,:until), CASE {' '.join(clocks)} ELSE c END)"
            f" ELSE max(c, {_awake(f'min(:until,{later})')}) END"
        )

    def _documents(self) -> Iterator[str]:
        """`document`: rows with a kind, a business date, a number of lines and the sums of these lines in cents."""
        cents = ", ".join(
            f"{self._cents(_line_hash('h', at), 'n', at)} AS f{at}" for at in range(1, _MAX_LINES + 1)
        )
        kind = f"COALESCE(:kind,{_KINDS})"
        yield (
            f"sized AS MATERIALIZED (SELECT *, 1+{sql.draw('lines', _MAX_LINES)} AS lines, {kind} AS kind,"
            f" CASE WHEN {kind} IN ('B','C','G') THEN 0 ELSE CASE {sql.draw('percent', 4)}"
            f" WHEN 0 THEN 9 WHEN 1 THEN 0 ELSE 21 END END AS percent, {self._date()} AS date, {cents} FROM row)"
        )
        net = "+".join(f"(lines>={at})*f{at}" for at in range(1, _MAX_LINES + 1))
        vat = "+".join(f"(lines>={at})*((f{at}*percent+50)/100)" for at in range(1, _MAX_LINES + 1))
        # In the first days of January some entries still go to the last period of the year before.
        in_january = f"(date-{sql.year_start('y', self.years.first, self.years.last)})<{3 * sql.DAY_MS}"
        late = f"(y>{self.years.first} AND :now IS NULL AND n%5=0 AND {in_january})"
        yield (
            f"document AS (SELECT *, {net} AS net, {vat} AS vat, y-{late} AS entry_year,"
            f" CASE WHEN {late} THEN 12 ELSE 0+strftime('%m',date/1000,'unixepoch') END AS entry_period FROM sized)"
        )

    def _cents(self, line_hash: str, number: str, place: int) -> str:
        amount = f"{_quantity(line_hash)}*{_price(line_hash)}"
        if place != 1 or not self.is_hostile:
            return amount
        return f"CASE WHEN {number} IN (11,498,985) THEN {_EDGE_CENTS} ELSE {amount} END"

    def _date(self) -> str:
        """Business date: the day of creation, now and then the first or the last day of that year."""
        first, last = self.years.first, self.years.last
        return (
            f"CASE WHEN :now IS NOT NULL THEN {sql.day('c')} ELSE CASE {sql.draw('day', 97)}"
            f" WHEN 0 THEN {sql.year_start('y', first, last)}"
            f" WHEN 1 THEN {sql.year_start('1+y', first, last)}-{sql.DAY_MS} ELSE {sql.day('c')} END END"
        )

    def _lines(self, shape: Shape) -> str:
        """Lines of the headers in the batch: the columns of the header, `i` (place), amounts in cents."""
        extra = " OR (i=0)" if 0 in shape.model.line_numbers else ""
        if 9999 in shape.model.line_numbers:
            extra += " OR (i=7 AND e._vat<>0)"
        own = "(e._n&4294967295)*8+i"
        year = sql.year_of("e.Created", self.years.first, self.years.last + _YEARS_AFTER)
        inner = (
            f"SELECT e.*, i, {own} AS n, (:d<<32)+{own} AS row_n, {_line_hash('e._h', 'p')} AS h, e.Created AS c,"
            f" e.Modified AS m, e.Timestamp+1+i AS ts, {year} AS y"
            f" FROM {base(str(shape.model.header))} e CROSS JOIN _places"
            f" WHERE e._n BETWEEN (:d<<32)+:first AND (:d<<32)+:last AND ((i BETWEEN 1 AND e._lines){extra})"
        )
        quantity, price = _quantity("h"), _price("h")
        big = "i=1 AND (_n&4294967295) IN (11,498,985)" if self.is_hostile else "0"
        amounts = (
            f"SELECT *, CASE WHEN {big} THEN 1 ELSE {quantity} END AS quantity,"
            f" CASE WHEN {big} THEN {_EDGE_CENTS} ELSE {price} END AS price FROM ({inner})"
        )
        return (
            f"(SELECT *, quantity*price AS cents, (quantity*price*_percent+50)/100 AS vat_cents FROM ({amounts}))"
        )

    def _entries(self, shape: Shape) -> str:
        """Records that follow from financial entries, numbered as these."""
        own = "(_n&4294967295)"
        year = sql.year_of("Created", self.years.first, self.years.last + _YEARS_AFTER)
        return (
            f"(SELECT *, {own} AS n, _n AS row_n, _h AS h, Created AS c, Modified AS m, {year} AS y,"
            f" :ts+{TIMESTAMPS_PER_ROW}*({own}-:first)+_h%7"
            f"+CASE WHEN Modified-Created>{_LATE_MS} THEN :late ELSE 0 END AS ts"
            f" FROM {base(str(shape.model.header))}"
            f" WHERE _n BETWEEN (:d<<32)+:first AND (:d<<32)+:last AND ({shape.model.taken}))"
        )


_EDGE_CENTS = 9_999_999_999_999
"""An amount at the edge, on a few lines: 99,999,999,999.99."""
PLACES = [(0, 1_000_003), (1, 1_299_709), (2, 1_399_711), (3, 1_499_711), (4, 1_599_697), (7, 1_799_999)]
"""Places of lines in a document and the multipliers that make their hashes: header, details, VAT."""


def _awake(moment: str) -> str:
    """SQL for an instant, an hour later if it is between two and three: spring leaves that hour out."""
    return f"({moment})+{sql.HOUR_MS}*(({moment})%{sql.DAY_MS}/{sql.HOUR_MS}=2)"


def _line_hash(header_hash: str, place: int | str) -> str:
    multiplier = dict(PLACES)[place] if isinstance(place, int) else place
    return f"(({header_hash}*{multiplier}>>9)&2147483647)"


def _quantity(line_hash: str) -> str:
    return f"(1+({line_hash}>>3)%12)"


def _price(line_hash: str) -> str:
    return f"(100+({line_hash}>>7)%20000)"
