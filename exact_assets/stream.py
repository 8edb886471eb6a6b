"""Values that pass between feeds and warehouse: what was read of a stream so far, and the next step to store.

A stream is one table of one division. Its state lives in the warehouse, in the same transaction as its
rows, so that neither can get ahead of the other. No I/O belongs here, and nothing that knows HTTP or SQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
import pyarrow as pa

from exact_assets.cursors import Cursor, from_text

MOST_MISSING = 1_000
"""Rows that are asked for by themselves; more are read with all others, which costs as much as the sweep did."""
FEW_MISSING = 50
"""As many are asked for by themselves however few rows there are: that is a call or two."""


class Chain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A chain of pages that is under way, enough to go on where it stopped after a kill.

    `link` is the page to ask for next, verbatim as Exact gave it (None: ask anew for this span).
    """

    link: str | None = None
    started: str = ""
    """Server time (ISO, UTC) of the chain's first answer: changes later than this are not all in it."""
    first_year: int | None = None
    last_year: int | None = None
    reload: bool = False
    """Its rows go to the stage, to replace what is there when the chain has ended."""
    newest: tuple[int, ...] = ()
    """The highest Timestamps read so far, or Modified as microseconds since 1970, at most as many as are read
    again; order is not promised by Exact."""
    high: str | None = None
    """The highest Modified read so far, as Exact's local wall clock."""
    pages: int = 0
    opening: int | None = None
    """The highest Timestamp of the first page: rows changed since the chain began have higher ones."""
    is_ordered: bool = True
    """Whether its pages have come in the order of their Timestamps so far."""
    rows: int = 0
    """Rows that its pages held so far, whatever became of them: as many as Exact counts when it is asked."""
    asked_by: str | None = None
    """The backfill or reload that began it, as `StreamState.reload_id` names it."""
    broken: int = 0
    """Attempts in a row at which its link brought no page."""
    absent: tuple[str, ...] = ()
    """Properties that were asked for and came in none of the rows of one of its pages."""
    is_partial: bool = False
    """Whether a row that came could not be kept: rows that it seems to lack may be there."""


class RemovalKind(StrEnum):
    """What kind of answer takes rows away that it does not name."""

    CHANGES = "changes"
    """Headers that changed, whose lines are fewer than those stored."""
    REPLACE = "replace"
    """All rows of a slice: a table that is read whole, or a reload."""
    SWEEP = "sweep"
    """All keys."""


class Withheld(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer that was not applied, because it would take away all rows or most of them."""

    by: RemovalKind
    table: str
    """Which table would lose most: the stream's, or one of lines below it."""
    rows: int
    """How many rows of it would go."""
    of: int
    """Of how many."""
    since: str | None = None
    """Server time (ISO, UTC) since when every answer has said so. None: Exact contradicts it, so that no time
    makes it true."""
    asked_at: str = ""
    """Server time (ISO, UTC) at which Exact was last asked."""
    chain: Chain | None = None
    """The reload that is to be asked for again, before its first page."""
    doubt: str = ""
    """What speaks against it, in words."""
    earlier: "Withheld | None" = None
    """An answer of another kind that was withheld before and is so still."""


class UnfitValues(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Values of one property that could not be kept as they came."""

    property: str
    is_set_aside: bool = False
    """Whether their rows are not kept; else the values are null in them."""
    rows: dict[str, str]
    """A digest of each row's key, with the row and its value in words; empty: of most, the digest is enough."""
    is_more: bool = False
    """Whether there were more than are kept here."""


STATE_FORMAT = 1
"""Of states that this version writes. It rises when a version before would lose what a state says."""


class NewerStateError(ValueError):
    """A state was written by a version that knows more than this one."""


class StreamState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What has been read of a stream. The warehouse stores it as JSON and understands `load_seq` only."""

    format: int = 1
    """Which version of exact-assets can read it; not written while it is the first."""
    load_seq: int = 0
    """Fence: raised by one with every stored step; 0 is a stream of which nothing was ever stored."""
    cursor: Cursor | None = None
    """All changes up to here are stored, and where the next read starts. None: no chain has ended yet."""
    start_year: int | None = None
    """Rows of business years before this one were left out."""
    years: tuple[int, ...] = ()
    """Years loaded so far, for feeds that load year by year; empty for those that read all at once."""
    chain: Chain | None = None
    reload_id: str | None = None
    """The backfill that last loaded or reloaded this stream, so that it is asked once, however many runs
    that backfill is cut into."""
    reload_years: tuple[int, ...] = ()
    """The years that this backfill has loaded; empty where the whole stream was."""
    refused: tuple[str, ...] = ()
    """What Exact refused to do for this stream though its reference allows it, such as to filter on a property."""
    fingerprint: str | None = None
    """Digest of the rows that the next read gives when nothing changes: the same again need not be stored."""
    digest_rows: int | None = None
    """Of a table that is read whole: as many rows as the digest is of are kept. Where they are not, some were lost
    in the warehouse, and the same is stored again. None: not known."""
    generation: str | None = msgspec.field(default=None, name="epoch")
    """What the division's Timestamps and IDs rest on, as `generations` names it: when it was moved, and after a
    comma when its HR was linked. Another one: all is to be read anew. None: not known when this was read."""
    covered_from: str | None = None
    """Server time (ISO, UTC). A table: whatever vanished before this is gone from here. The deletion log: what
    vanished since is in it."""
    read_at: str | None = None
    """Of the deletion log: server time of the last time it was read to its end, noted once a day."""
    sweep: Chain | None = None
    """A sweep of keys that is under way."""
    sweep_began: str | None = None
    """When it began, by the warehouse's clock for the division (ISO, UTC), as the warehouse notes it: rows stored
    later are none of its business."""
    lost: int = 0
    """Rows of the table that an answer which comes in parts has taken away so far, less those that it brought, be
    it asked for again in between. The warehouse counts them; none once such an answer has ended."""
    withheld: Withheld | None = None
    """An answer that was not applied."""
    missing: tuple[str, ...] = ()
    """What a sweep found at Exact and not here, or older here: the rows' keys, of lines those of their headers, of
    a sync feed the Timestamps. Each is asked for by itself."""
    unfit: tuple[UnfitValues, ...] = ()
    """Values of its rows that could not be kept as they came."""
    absent: tuple[str, ...] = ()
    """Columns whose property was asked for and did not come, the last time that rows came."""
    unfilled: tuple[str, ...] = ()
    """Columns that may be null, or older than the rest, in rows which were read without them. They are filled by
    reading anew, as soon as they come."""
    filled_at: str | None = None
    """Server time (ISO, UTC) when columns were last filled by reading anew; None: not since the last came new."""

    @property
    def is_loaded(self) -> bool:
        """Whether a first load has ended, for at least some years."""
        return self.cursor is not None

    @property
    def cursor_text(self) -> str | None:
        """The cursor as the warehouse shows it to people."""
        return None if self.cursor is None else str(self.cursor)

    @property
    def floor_text(self) -> str | None:
        """Where the next read starts, likewise."""
        return None if self.cursor is None else self.cursor.floor_text


def encode_state(state: StreamState) -> str:
    """Write a state as it is stored: the same state as the same text."""
    return msgspec.json.encode(state).decode()


def decode_state(text: str | bytes) -> StreamState:
    """Read a state as it was stored, by this version or one before.

    Raises:
        msgspec.ValidationError: it is no state.
        NewerStateError: it is a newer version's, of which this one would lose a part.
    """
    if (newer := _FORMAT.decode(text).format) > STATE_FORMAT:
        raise NewerStateError(f"format {newer}; this version knows {STATE_FORMAT}")
    try:
        return _STATE.decode(text)
    except msgspec.ValidationError:
        found = msgspec.json.decode(text)
        if not isinstance(found, dict) or not isinstance(found.get("cursor"), str):
            raise
    cursor = from_text(found["cursor"], found.pop("floor", None))
    return msgspec.convert({**found, "cursor": msgspec.to_builtins(cursor)}, StreamState)


class _Format(msgspec.Struct):
    """What every version can read of a state."""

    format: int = 1


_STATE = msgspec.json.Decoder(StreamState)
_FORMAT = msgspec.json.Decoder(_Format)


class Verb(StrEnum):
    """What the warehouse does with a step's rows, in one transaction with the state."""

    UPSERT = "upsert"
    """Insert new keys, overwrite older versions (`Table.version`), leave the rest."""
    STAGE = "stage"
    """Keep the rows aside, for a REPLACE to come."""
    REPLACE = "replace"
    """Put the staged rows and this step's in the place of the slice, and empty the stage."""


IS_DUE = "_is_due"
"""Of a sweep's keys: whether a row with this key should be stored: its year is loaded, and no read to come brings
it."""
FOUND_VERSION = "_version"
"""Of a sweep's keys: the version that the row has at Exact; null: unknown, or brought by a read to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Keys that Exact has, as far as they have come: with the last of them, stored rows with other keys go.

    Those that are not stored are noted in the state (`StreamState.missing`).
    """

    keys: pa.Table
    """Columns by warehouse name: the key's, or the one that holds the header's key where headers were asked for;
    and where it is known what should be stored by now, `IS_DUE` and `FOUND_VERSION`."""
    sought: str | None = None
    """The column of `keys` by whose values rows are asked for; None: they cannot be."""
    begins: bool = False
    """Nothing was asked yet: from this step on, what is stored stays, whatever its key."""
    is_first: bool
    is_last: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns that tell a row, or a line's header."""
        return tuple(name for name in self.keys.column_names if name not in {IS_DUE, FOUND_VERSION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The question that a step ends, so that it can be counted or put again."""

    path: str
    params: Mapping[str, str]
    """Its filter, and as few columns as may be selected."""
    chain: Chain
    """As it is with its last page."""
    is_countable: bool
    """Whether Exact counts rows of the kind that may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Rows to store and the state that is true once they are stored."""

    verb: Verb
    rows: pa.Table
    """Columns as `Table.arrow_schema`. A key may come more than once: the highest version counts."""
    state: StreamState
    """`load_seq`, `sweep_began` and `lost` in it are ignored: they are the warehouse's."""
    parents: pa.Array | None = None
    """UPSERT of a line table: keys of the headers of which `rows` hold all lines. Other lines of theirs go."""
    gone: pa.Table | None = None
    """Keys and versions (as in `rows`, by warehouse name) of rows that are now before the starting year: older
    versions of them, stored or staged, go."""
    years: tuple[int, int] | None = None
    """REPLACE: first and last `_year` of the slice, inclusive; None is the whole division."""
    sweep: Sweep | None = None
    """UPSERT without rows: keys of a sweep."""
    asked: Asked | None = None
    """With the last rows of an answer that takes others away."""
    holds_above: int | None = None
    """UPSERT of a sync feed: the Timestamp above which all rows are among these, though not those that had the
    highest ones before."""
    doubted: Asked | None = None
    """With the last rows of an answer that ends with a full page: the link to the next one may be missing, and
    Exact is asked how many there are before this is stored."""
    is_confirmed: bool = False
    """Rows go however many they are."""
    unread: frozenset[str] = frozenset()
    """Columns that are null because their property did not come: what is stored in them stays."""
    is_partial: bool = False
    """Rows came that could not be kept: no row goes because the answer lacks it."""

    @property
    def is_empty(self) -> bool:
        """Whether it only moves the state, as long as it does not replace anything."""
        return not (self.rows.num_rows or self.parents or self.gone or self.sweep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a stored step changed. Rows that were already there, the same, count nowhere."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    years: dict[int | None, int] = field(default_factory=dict)
    """Rows inserted, updated or deleted per `_year` (a row that moved counts in both); None: undated tables."""

    @property
    def count(self) -> int:
        """How many rows were inserted, updated or deleted."""
        return self.inserted + self.updated + self.deleted

    def __add__(self, other: "Changes") -> "Changes":
        """Add up the changes of two steps."""
        years = dict(self.years)
        for year, count in other.years.items():
            years[year] = years.get(year, 0) + count
        return Changes(
            inserted=self.inserted + other.inserted,
            updated=self.updated + other.updated,
            deleted=self.deleted + other.deleted,
            years=years,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The warehouse's answer to a step."""

    load_seq: int
    changes: Changes
    elsewhere: Mapping[str, Changes] = field(default_factory=dict)
    """What it changed in other tables, by name: what the deletion log names, and lines whose header is gone."""
    state: StreamState | None = None
    """The state that is kept, where it says more than the step's: what a sweep found missing."""
    older: int = 0
    """Rows stored before this step's chain began whose versions at Exact are lower by now: its Timestamps have
    begun anew, as where a backup was put back."""
    unnamed: int = 0
    """Rows that a sweep took away though the deletion log, which should name them, did not."""
