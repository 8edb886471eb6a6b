"""States of streams outlive the version that stored them: what is read back, and what is written."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import msgspec
import pytest

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Feed
from exact_assets.catalogue.tables import tables
from exact_assets.cursors import ModifiedCursor, SnapshotCursor, SyncCursor
from exact_assets.stream import Chain, RemovalKind, StreamState, Withheld, decode_state, encode_state
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.one_warehouse import attempt, bring, problems

PACKAGE = Path(__file__).parents[1] / "exact_assets"
DIVISION = 100001
OF_FEEDS = {
    Feed.SYNC: "crm_accounts",
    Feed.MODIFIED: "activities_tasks",
    Feed.PARENT: "purchaseentry_purchase_entry_lines",
    Feed.SNAPSHOT: "accountancy_task_types",
    Feed.FUNCTION: "financial_aging_overview",
}
NAMES = (*OF_FEEDS.values(), "crm_opportunities", LOG)
"""Of opportunities, Exact refuses to filter on Modified: they have the cursor of the feed, and are read whole."""


def wall(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - a wall clock has no zone


BEFORE = [
    pytest.param(
        '{"load_seq":1,"cursor":"10000015578","floor":"1","fingerprint":"ba6c07500bae97831319338ddb26a79d",'
        '"epoch":"moved never","covered_from":"2026-11-26T01:56:21+00:00"}',
        StreamState(
            load_seq=1,
            cursor=SyncCursor(timestamp=10000015578, floor=1),
            fingerprint="ba6c07500bae97831319338ddb26a79d",
            generation="moved never",
            covered_from="2026-11-26T01:56:21+00:00",
        ),
        id="sync",
    ),
    pytest.param(
        '{"load_seq":7,"cursor":"42","floor":"40","chain":{"link":"https://start.exactonline.nl/next",'
        '"started":"2026-11-26T01:56:21+00:00","newest":[44,43],"pages":2,"opening":43,"rows":2000}}',
        StreamState(
            load_seq=7,
            cursor=SyncCursor(timestamp=42, floor=40),
            chain=Chain(
                link="https://start.exactonline.nl/next",
                started="2026-11-26T01:56:21+00:00",
                newest=(44, 43),
                pages=2,
                opening=43,
                rows=2000,
            ),
        ),
        id="sync under way",
    ),
    pytest.param(
        '{"load_seq":1,"cursor":"2026-11-25T00:56:21","fingerprint":"all 431040afaea096b37aa7388613abe0c2"}',
        StreamState(
            load_seq=1,
            cursor=ModifiedCursor(modified=wall(2026, 11, 25, 0, 56, 21)),
            fingerprint="all 431040afaea096b37aa7388613abe0c2",
        ),
        id="modified",
    ),
    pytest.param(
        '{"load_seq":3,"cursor":"2026-11-25T10:56:21.123000","floor":"2026-11-25T10:51:21.123000","start_year":2022,'
        '"years":[2025,2026],"reload_id":"b1","reload_years":[2026]}',
        StreamState(
            load_seq=3,
            cursor=ModifiedCursor(
                modified=wall(2026, 11, 25, 10, 56, 21, 123000), floor=wall(2026, 11, 25, 10, 51, 21, 123000)
            ),
            start_year=2022,
            years=(2025, 2026),
            reload_id="b1",
            reload_years=(2026,),
        ),
        id="modified or by parent, with an overlap",
    ),
    pytest.param(
        '{"load_seq":1,"cursor":"2026-11-26T01:56:20+00:00","fingerprint":"54df69aef5810f9b9babb359a43a3a6f"}',
        StreamState(
            load_seq=1,
            cursor=SnapshotCursor(read_at=datetime(2026, 11, 26, 1, 56, 20, tzinfo=UTC)),
            fingerprint="54df69aef5810f9b9babb359a43a3a6f",
        ),
        id="snapshot or function",
    ),
    pytest.param(
        '{"load_seq":1,"cursor":"10000214848","floor":"1","fingerprint":"13b4c7a6056d7e3bfa101725b16a6a0e",'
        '"covered_from":"2026-09-29T01:56:22.018092+00:00","read_at":"2026-11-26T01:56:22.018092+00:00"}',
        StreamState(
            load_seq=1,
            cursor=SyncCursor(timestamp=10000214848, floor=1),
            fingerprint="13b4c7a6056d7e3bfa101725b16a6a0e",
            covered_from="2026-09-29T01:56:22.018092+00:00",
            read_at="2026-11-26T01:56:22.018092+00:00",
        ),
        id="deletion log",
    ),
    pytest.param(
        '{"load_seq":4,"cursor":"7","withheld":{"by":"sweep","table":"crm_accounts","rows":90,"of":100}}',
        StreamState(
            load_seq=4,
            cursor=SyncCursor(timestamp=7),
            withheld=Withheld(by=RemovalKind.SWEEP, table="crm_accounts", rows=90, of=100),
        ),
        id="withheld",
    ),
    pytest.param(
        '{"load_seq":2,"chain":{"reload":true}}', StreamState(load_seq=2, chain=Chain(reload=True)), id="new"
    ),
]
"""Texts as the version before has stored them."""

TODAY = [
    (SyncCursor(timestamp=42), '{"feed":"sync","timestamp":42}'),
    (SyncCursor(timestamp=42, floor=40), '{"feed":"sync","timestamp":42,"floor":40}'),
    (ModifiedCursor(modified=wall(2026, 1, 2, 3, 4, 5)), '{"feed":"modified","modified":"2026-01-02T03:04:05"}'),
    (
        ModifiedCursor(modified=wall(2026, 1, 2, 3, 4, 5, 6000), floor=wall(2026, 1, 2)),
        '{"feed":"modified","modified":"2026-01-02T03:04:05.006000","floor":"2026-01-02T00:00:00"}',
    ),
    (
        SnapshotCursor(read_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        '{"feed":"snapshot","read_at":"2026-01-02T03:04:05Z"}',
    ),
]


@pytest.mark.parametrize(("text", "state"), BEFORE)
def test_a_state_as_stored_by_the_version_before_means_the_same(text: str, state: StreamState) -> None:
    assert decode_state(text) == state
    assert decode_state(encode_state(state)) == state


@pytest.mark.parametrize(("cursor", "text"), TODAY)
def test_a_cursor_is_written_as_it_will_be_read_for_ever(
    cursor: SyncCursor | ModifiedCursor | SnapshotCursor, text: str
) -> None:
    written = f'{{"load_seq":1,"cursor":{text},"epoch":"moved never"}}'
    state = StreamState(load_seq=1, cursor=cursor, generation="moved never")
    assert encode_state(state) == written
    assert decode_state(written) == state


def test_what_is_no_state_is_refused() -> None:
    for text in ("[]", '{"load_seq":"many"}', '{"cursor":{"feed":"tomorrow"}}'):
        with pytest.raises(msgspec.ValidationError):
            decode_state(text)
    with pytest.raises(ValueError, match="soon"):
        decode_state('{"cursor":"soon"}')


def test_a_state_of_a_newer_version_is_neither_read_nor_changed_and_stops_its_stream_alone(
    place: Installation,
) -> None:
    bring(place, "crm_accounts,accountancy_task_types")
    newer = '{"format":2,"load_seq":9,"cursor":{"feed":"sync","timestamp":1},"of_tomorrow":true}'
    is_it = "table_name = 'crm_accounts'"
    with duckdb.connect(str(place.warehouse)) as connection:
        [before] = connection.execute(f"SELECT state, load_seq FROM exact._streams WHERE {is_it}").fetchall()
        connection.execute(f"UPDATE exact._streams SET state = ?, load_seq = 9 WHERE {is_it}", [newer])
    found = attempt(place, "crm_accounts,accountancy_task_types")
    assert "is of a newer version of exact-assets (format 2; this version knows 1)" in str(
        found["crm_accounts"][DIVISION].error
    )
    assert found["accountancy_task_types"][DIVISION].error is None
    with duckdb.connect(str(place.warehouse)) as connection:
        assert connection.execute(f"SELECT state FROM exact._streams WHERE {is_it}").fetchall() == [(newer,)]
        connection.execute(f"UPDATE exact._streams SET state = ?, load_seq = ? WHERE {is_it}", before)


def test_a_wall_clock_has_no_zone_and_an_instant_has_one() -> None:
    at_site = datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1))).isoformat()
    for text in (
        f'{{"feed":"modified","modified":"{at_site}"}}',
        '{"feed":"snapshot","read_at":"2026-01-02T00:00:00"}',
    ):
        with pytest.raises(msgspec.ValidationError):
            decode_state(f'{{"cursor":{text}}}')


def test_states_are_read_and_written_in_one_place() -> None:
    others = [
        path
        for path in PACKAGE.rglob("*.py")
        if path.name != "stream.py" and "type=StreamState" in path.read_text()
    ]
    assert others == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("states"), divisions=1, rows=200) as made:
        yield made


def as_before(text: str) -> str:
    """Write a state as the version before did."""
    state = decode_state(text)
    found = json.loads(text) | {"cursor": state.cursor_text}
    return json.dumps(found | ({} if state.floor_text is None else {"floor": state.floor_text}))


def write_as_before(place: Installation) -> set[str]:
    """Store the states as the version before did; the names of their tables."""
    with duckdb.connect(str(place.warehouse)) as connection:
        stored = connection.execute("SELECT table_name, state FROM exact._streams").fetchall()
        for name, text in stored:
            values = [as_before(text), name]
            connection.execute("UPDATE exact._streams SET state = ? WHERE table_name = ?", values)
    return {name for name, _ in stored}


@pytest.mark.long
def test_an_installation_of_the_version_before_goes_on_with_one_call_a_stream(place: Installation) -> None:
    assert {tables()[name].feed for name in NAMES} == set(Feed)
    # Twice: what Exact refuses is known then.
    bring(place, ",".join(NAMES))
    bring(place, ",".join(NAMES))
    assert write_as_before(place) == set(NAMES)
    outcomes = bring(place, ",".join(NAMES))
    for name in NAMES:
        outcome = outcomes[name][DIVISION]
        assert (name, outcome.calls, outcome.changes.years) == (name, 1, {})
    assert problems(place, ",".join(NAMES)) == {}


def test_an_installation_of_the_version_before_misses_nothing_that_changed(place: Installation) -> None:
    names = f"{OF_FEEDS[Feed.SYNC]},{OF_FEEDS[Feed.MODIFIED]}"
    bring(place, names)
    write_as_before(place)
    for endpoint in ("crm/Accounts", "activities/Tasks"):
        place.simulator.control.insert(endpoint, DIVISION, count=2)
    outcomes = bring(place, names)
    for name in names.split(","):
        outcome = outcomes[name][DIVISION]
        assert (name, outcome.calls, outcome.changes.inserted) == (name, 1, 2)
    assert problems(place, names) == {}
