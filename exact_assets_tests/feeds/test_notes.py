"""What a stream keeps of values that did not fit, and of columns that did not come."""

from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.cursors import SyncCursor
from exact_assets.exact.page import UnfitValue
from exact_assets.feeds.notes import MOST_UNFIT_ROWS, SHOWN_ROWS, with_unfit
from exact_assets.next_state import FILLED_EVERY, columns_to_fill, with_new_columns
from exact_assets.stream import Chain, StreamState

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def unfit(row: str, value: str = "x", *, name: str = "Amount", is_set_aside: bool = False) -> UnfitValue:
    return UnfitValue(property=name, row=row, value=value, is_set_aside=is_set_aside)


def test_a_row_that_is_read_twice_counts_once_and_one_that_is_corrected_no_more() -> None:
    first = with_unfit((), told=[unfit("ID 1"), unfit("ID 2")], came=["ID 1", "ID 2", "ID 3"])
    again = with_unfit(first, told=[unfit("ID 1")], came=["ID 1", "ID 4"])
    assert again == first
    assert len(first[0].rows) == 2
    corrected = with_unfit(first, told=[], came=["ID 1"])
    assert list(corrected[0].rows.values()) == ["x (ID 2)"]
    assert with_unfit(corrected, told=[], came=["ID 2"]) == ()


def test_values_and_rows_that_are_set_aside_are_told_apart_by_property() -> None:
    found = with_unfit(
        (), told=[unfit("ID 1"), unfit("ID 1", name="Code"), unfit("ID x", name="ID", is_set_aside=True)], came=()
    )
    assert [(one.property, one.is_set_aside, len(one.rows)) for one in found] == [
        ("Amount", False, 1),
        ("Code", False, 1),
        ("ID", True, 1),
    ]


def test_what_is_kept_is_bounded_and_says_so() -> None:
    found = with_unfit((), told=[unfit(f"ID {number}") for number in range(MOST_UNFIT_ROWS + 50)], came=())
    assert (len(found[0].rows), found[0].is_more) == (MOST_UNFIT_ROWS, True)
    assert sum(bool(text) for text in found[0].rows.values()) == SHOWN_ROWS


def test_columns_that_come_are_filled_those_that_do_not_are_not() -> None:
    state = StreamState(cursor=SyncCursor(timestamp=1), unfilled=("a", "b"), absent=("b",))
    assert columns_to_fill(state, now=NOW) == ("a",)


def test_columns_that_come_and_go_do_not_have_a_stream_read_anew_all_the_time() -> None:
    state = StreamState(unfilled=("a",), filled_at=NOW.isoformat())
    assert columns_to_fill(state, now=NOW + timedelta(hours=1)) == ()
    assert columns_to_fill(state, now=NOW + FILLED_EVERY) == ("a",)
    new = with_new_columns(state, ["c"])
    assert columns_to_fill(new, now=NOW + timedelta(hours=1)) == ("a", "c")


LOADED = SyncCursor(timestamp=1)


@pytest.mark.parametrize(
    ("cursor", "chain", "expected"),
    [
        (LOADED, None, None),
        (LOADED, Chain(link="x", pages=3), None),
        (LOADED, Chain(link="x", pages=3, reload=True), Chain(reload=True)),
        (LOADED, Chain(link="x", first_year=2024, last_year=2025), Chain(first_year=2024, last_year=2025)),
        (None, Chain(link="x", pages=3), Chain(reload=True)),
        (
            None,
            Chain(link="x", first_year=2024, last_year=2025),
            Chain(first_year=2024, last_year=2025, reload=True),
        ),
    ],
)
def test_what_is_under_way_does_not_go_on_without_the_new_columns(
    cursor: SyncCursor | None, chain: Chain | None, expected: Chain | None
) -> None:
    state = StreamState(cursor=cursor, chain=chain, fingerprint="x")
    after = with_new_columns(state, ["new"])
    assert (after.chain, after.unfilled, after.fingerprint) == (expected, ("new",), None)
