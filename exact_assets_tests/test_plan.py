"""What a materialisation asks Exact for, and what it does not ask twice."""

from datetime import datetime

import pytest

from exact_assets.cursors import ModifiedCursor, SyncCursor
from exact_assets.request import Mode, Request, read_request_of
from exact_assets.stream import Chain, StreamState

AT_NEW_YEAR = ModifiedCursor(modified=datetime(2026, 1, 1))  # noqa: DTZ001 - a wall clock
LOADED = StreamState(load_seq=3, cursor=SyncCursor(timestamp=42))
BY_YEAR = StreamState(load_seq=3, cursor=AT_NEW_YEAR, years=(2025, 2026))


def request(*years: int, mode: Mode = Mode.AUTO, reload_id: str | None = None) -> Request:
    return Request(start_year=2022, years=years or (2026,), mode=mode, reload_id=reload_id)


def test_a_new_stream_is_loaded_and_remembers_its_backfill() -> None:
    to_read = read_request_of(StreamState(), request(reload_id="b1"))
    assert to_read is not None
    assert (to_read.reload, to_read.reload_id) == (False, "b1")


def test_a_loaded_stream_is_caught_up_with() -> None:
    to_read = read_request_of(LOADED, request())
    assert to_read is not None
    assert not to_read.reload


@pytest.mark.parametrize("asked", [request(reload_id="b1"), request(mode=Mode.RELOAD, reload_id="run")])
def test_a_backfill_and_an_explicit_reload_ask_again_for_what_is_there(asked: Request) -> None:
    to_read = read_request_of(LOADED, asked)
    assert to_read is not None
    assert to_read.reload


def test_a_backfill_asks_a_stream_once_however_many_runs_it_is_cut_into() -> None:
    reloaded = StreamState(load_seq=4, cursor=SyncCursor(timestamp=42), reload_id="b1")
    assert read_request_of(reloaded, request(2025, reload_id="b1")) is None
    assert read_request_of(reloaded, request(2025, reload_id="b2")) is not None


def test_a_backfill_of_years_asks_for_the_years_that_it_has_not_asked_for_yet() -> None:
    state = StreamState(load_seq=4, cursor=AT_NEW_YEAR, years=(2025, 2026), reload_id="b1", reload_years=(2026,))
    assert read_request_of(state, request(2026, reload_id="b1")) is None
    to_read = read_request_of(state, request(2025, 2026, reload_id="b1"))
    assert to_read is not None
    assert (to_read.reload, to_read.years) == (True, (2025,))


def test_a_backfill_of_a_year_that_is_not_there_loads_it_without_a_reload() -> None:
    to_read = read_request_of(BY_YEAR, request(2023, reload_id="b1"))
    assert to_read is not None
    assert not to_read.reload


def test_a_chain_that_is_under_way_is_ended_before_anything_is_asked_again() -> None:
    state = StreamState(
        load_seq=4, cursor=SyncCursor(timestamp=42), chain=Chain(link="https://start.exactonline.nl/next")
    )
    to_read = read_request_of(state, request(mode=Mode.RELOAD, reload_id="run"))
    assert to_read is not None
    assert not to_read.reload
