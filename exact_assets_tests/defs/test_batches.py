"""Which divisions a tick asks for, in which runs."""

from hypothesis import given
from hypothesis import strategies as st

from exact_assets.defs.batches import Batch, decide, divisions_of

START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
ORDER = ["300", "100", "200", "500", "400"]


def names(batches: tuple[Batch, ...]) -> list[str]:
    return [batch.name for batch in batches]


def test_divisions_are_asked_for_in_the_order_of_the_partitions() -> None:
    decision = decide(ORDER, [], size=2)
    assert names(decision.asked) == ["300-100", "200-500", "400-400"]
    assert decision.asked[0].tags(2026) == {
        START: "300|2026",
        END: "100|2026",
        "exact/divisions": "300,100",
    }


def test_a_batch_that_an_earlier_run_is_still_at_is_left_out() -> None:
    decision = decide(ORDER, [{START: "100|2026", END: "200|2026"}], size=2)
    assert (names(decision.asked), names(decision.waiting)) == (["400-400"], ["300-100", "200-500"])


def test_only_batches_with_work_are_asked_for_and_cut_down_to_it() -> None:
    decision = decide(ORDER, [], wanted={"100", "500", "999"}, size=3)
    assert names(decision.asked) == ["100-100", "500-500"]


def test_no_divisions_ask_for_nothing() -> None:
    decision = decide([], [{START: "100", END: "200"}])
    assert (decision.asked, decision.waiting) == ((), ())


def test_a_run_of_one_partition_is_about_its_division() -> None:
    assert divisions_of({"dagster/partition": "200|2026"}, ORDER) == ["200"]


def test_a_range_whose_end_was_disabled_may_reach_to_the_end() -> None:
    assert divisions_of({START: "100|2026", END: "777|2026"}, ORDER) == ["100", "200", "500", "400"]
    assert divisions_of({START: "777", END: "200"}, ORDER) == ["300", "100", "200"]


def test_a_run_that_does_not_say_its_divisions_may_be_about_all() -> None:
    assert divisions_of({}, ORDER) == ORDER


@given(
    order=st.lists(st.integers(1, 60).map(str), unique=True),
    size=st.integers(1, 8),
    flights=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60))),
    wanted=st.none() | st.sets(st.integers(1, 60).map(str)),
)
def test_every_division_with_work_is_asked_for_once_or_is_in_flight(
    order: list[str], size: int, flights: list[tuple[int, int]], wanted: set[str] | None
) -> None:
    in_flight = [{START: str(first), END: str(last)} for first, last in flights]
    decision = decide(order, in_flight, wanted=wanted, size=size)
    busy = {division for tags in in_flight for division in divisions_of(tags, order)}
    asked = [division for batch in decision.asked for division in batch.divisions]
    waiting = [division for batch in decision.waiting for division in batch.divisions]
    assert len(set(asked)) == len(asked)
    assert not busy & set(asked)
    assert set(order) & (set(order) if wanted is None else wanted) <= {*asked, *waiting}
    for batch in decision.asked:
        place = order.index(batch.divisions[0])
        assert list(batch.divisions) == order[place : place + len(batch.divisions)]
        assert len(batch.divisions) <= size
