"""How much one answer may take away: counted in the transaction, and nothing is written beyond the bound."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.tables import tables as every_table
from exact_assets.errors import RemovalBoundError
from exact_assets.stream import Changes, Verb
from exact_assets.warehouse.bound import is_beyond
from exact_assets_tests.warehouse import tables
from exact_assets_tests.warehouse.conftest import Stream, Streams
from exact_assets_tests.warehouse.tables import KEYLESS, LINES, SNAPSHOT, SYNC, guid


@pytest.mark.parametrize(
    ("lost", "of", "expected"),
    [
        *((0, 0, False), (0, 5, False), (1, 1, True), (4, 5, False), (5, 5, True), (98, 99, False)),
        *((99, 99, True), (50, 100, False), (51, 100, True), (500_000, 1_000_000, False)),
        (500_001, 1_000_000, True),
    ],
)
def test_all_rows_or_more_than_half_of_many_are_too_many(lost: int, of: int, *, expected: bool) -> None:
    assert is_beyond(lost, of=of) is expected


def replace(stream: Stream, *values: dict[str, Any], years: tuple[int, int] | None = None) -> Changes:
    step = tables.step(Verb.REPLACE, stream.rows(*values), years=years, is_confirmed=False)
    return stream.store(step)


def lines(stream: Stream, *values: dict[str, Any], parents: list[str]) -> Changes:
    return stream.store(tables.step(Verb.UPSERT, stream.rows(*values), parents=parents, is_confirmed=False))


def account(number: int, year: int = 2026) -> dict[str, Any]:
    return {"id": guid(number), "timestamp": number, "_year": year}


def test_an_empty_answer_writes_nothing_and_tells_how_many_of_how_many(stream: Streams) -> None:
    codes = stream(SNAPSHOT)
    codes.upsert({"id": 1}, {"id": 2})
    with pytest.raises(RemovalBoundError) as refused:
        replace(codes)
    assert (refused.value.table, refused.value.rows, refused.value.of) == (SNAPSHOT.name, 2, 2)
    assert codes.read("id") == [(1,), (2,)]
    assert codes.warehouse.states(SNAPSHOT, [tables.DIVISION])[tables.DIVISION].load_seq == codes.load_seq
    assert replace(codes, {"id": 2}) == Changes(deleted=1, years={None: 1})


def test_as_many_rows_with_other_keys_are_no_removal(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(*(account(number) for number in range(1, 201)))
    assert replace(accounts, *(account(number) for number in range(301, 501))).deleted == 200


def test_rows_without_a_key_are_counted_too(stream: Streams) -> None:
    reasons = stream(KEYLESS)
    reasons.upsert({"id": "a"}, {"id": "a"})
    with pytest.raises(RemovalBoundError):
        replace(reasons)


def test_a_slice_is_compared_with_its_own_rows_and_with_all(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(*(account(number, 2025) for number in range(1, 3)), *(account(n) for n in range(10, 109)))
    with pytest.raises(RemovalBoundError, match="2 of 2 rows"):
        replace(accounts, years=(2025, 2025))
    # 99 rows are not many, but they are most of the 101.
    with pytest.raises(RemovalBoundError, match="98 of 101 rows"):
        replace(accounts, account(10), years=(2026, 2026))
    assert replace(accounts, *(account(n) for n in range(10, 70)), years=(2026, 2026)).deleted == 39


def test_staged_rows_count_among_those_that_came(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert(*(account(number) for number in range(1, 201)))
    accounts.stage(*(account(number) for number in range(1, 151)))
    assert replace(accounts).deleted == 50


def test_lines_are_counted_over_all_parts_of_an_answer_and_new_ones_make_up_for_old_ones(stream: Streams) -> None:
    of = stream(LINES)
    of.upsert(*({"id": guid(n), "entry_id": guid(1000 + n % 4)} for n in range(400)))
    first, second, third = (guid(1000 + n) for n in range(3))
    new = [{"id": guid(5000 + n), "entry_id": first} for n in range(100)]
    assert lines(of, *new, parents=[first]).deleted == 100
    chain = tables.step(Verb.STAGE, of.rows()).state
    part = tables.step(Verb.UPSERT, of.rows(), parents=[second, third], is_confirmed=False)
    of.store(type(part)(verb=part.verb, rows=part.rows, parents=part.parents, state=chain))
    with pytest.raises(RemovalBoundError, match="300 of 400 rows"):
        lines(of, parents=[first])


def test_entries_that_exact_itself_has_forgotten_do_not_count_for_the_log(stream: Streams) -> None:
    log = stream(every_table()[LOG])
    now = datetime.now(UTC)
    old = [{"id": guid(n), "timestamp": n, "deleted_date": now - timedelta(days=90)} for n in range(1, 6)]
    new = [{"id": guid(n), "timestamp": n, "deleted_date": now} for n in range(6, 8)]
    log.upsert(*old, *new)
    assert replace(log, *new).deleted == 5
    with pytest.raises(RemovalBoundError, match="2 of 2 rows"):
        replace(log)
