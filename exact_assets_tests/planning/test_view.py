"""How a plan reads, for one division and for many."""

from datetime import UTC, datetime

from exact_assets.catalogue import select
from exact_assets.catalogue.frequencies import with_frequencies
from exact_assets.cursors import SyncCursor
from exact_assets.exact.limits import Quota, Window
from exact_assets.planning import view
from exact_assets.planning.forecast import DivisionForecast, forecast
from exact_assets.stream import StreamState

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TABLES = with_frequencies(select(None), "all=30m")


def division(number: int, *, limit: int | None, is_loaded: bool) -> DivisionForecast:
    state = StreamState(cursor=SyncCursor(timestamp=1))
    return forecast(
        number,
        TABLES,
        name=f"Company {number}",
        states={table.name: state for table in TABLES} if is_loaded else {},
        rows={table.name: 50 for table in TABLES},
        counts={},
        quota=Quota(day=Window(limit=limit, remaining=limit)),
        start_year=2022,
        now=NOW,
    )


def test_five_hundred_divisions_are_a_line_each_and_their_advice_is_given_once() -> None:
    found = [division(number, limit=1000, is_loaded=True) for number in range(1, 501)]
    assert len(view.summary(found)) == 500
    notes = list(view.notes(found))
    assert len(notes) < 6
    assert notes[0] == "1, 2, 3, 4, 5, 6, 7, 8 and 492 more:"
    assert any("EXACT_FREQUENCIES" in note and len(note) < 400 for note in notes)


def test_what_is_loaded_and_fits_needs_no_advice() -> None:
    (row,) = view.summary([division(1, limit=30_000, is_loaded=True)])
    assert (row["fits"], row["load_calls"], row["loaded_by"]) == ("yes", "0", "done")
    assert row["tables_loaded"] == f"{len(TABLES)} of {len(TABLES)}"
    assert list(view.notes([division(1, limit=30_000, is_loaded=True)])) == [
        "Of a day's calls schedules leave 1,500 to runs that people ask for."
    ]


def test_what_is_assumed_or_unknown_is_marked_and_the_marks_are_explained() -> None:
    one = division(1, limit=None, is_loaded=False)
    (row,) = view.summary([one])
    assert (row["calls_there_are"], row["used_today"], row["load_calls"]) == ("5,000 ?", "?", "?")
    assert row["calls_a_day"].endswith("+")
    notes = "\n".join(view.notes([one]))
    assert "?: Exact has not told" in notes
    assert "+: at least" in notes
    assert {line["load_calls"] for line in view.table_rows(one)} == {"?"}
