"""Work of many divisions reaches the warehouse together."""

import asyncio
import threading
from collections.abc import Sequence

import pyarrow as pa
import pytest

from exact_assets.errors import ExactAssetsError, WarehouseBusyError
from exact_assets.write_queue import WriteQueue


def test_what_comes_while_a_group_is_under_way_makes_the_next_one() -> None:
    sizes: list[int] = []
    first_is_under_way, everyone_put = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        first_is_under_way.set()
        everyone_put.wait(10)
        return [item * 2 for item in items]

    async def put_all() -> list[int]:
        async with WriteQueue[int, int](work) as queue:
            first = asyncio.create_task(queue.put(0))
            await asyncio.to_thread(first_is_under_way.wait)
            others = [asyncio.create_task(queue.put(number)) for number in range(1, 10)]
            await asyncio.sleep(0)
            everyone_put.set()
            return [await task for task in (first, *others)]

    assert asyncio.run(put_all()) == [number * 2 for number in range(10)]
    assert sizes == [1, 9]


def test_an_error_reaches_the_one_whose_result_it_is() -> None:
    def work(items: Sequence[int]) -> Sequence[int | ExactAssetsError]:
        return [WarehouseBusyError("held") if item == 1 else item for item in items]

    async def put_both() -> tuple[int | BaseException, int | BaseException]:
        async with WriteQueue[int, int](work) as queue:
            return await asyncio.gather(queue.put(1), queue.put(2), return_exceptions=True)

    refused, answered = asyncio.run(put_both())
    assert isinstance(refused, WarehouseBusyError)
    assert answered == 2


def test_a_group_that_fails_whole_fails_everyone_in_it() -> None:
    def work(items: Sequence[int]) -> Sequence[int]:
        raise WarehouseBusyError(f"{len(items)} waited in vain")

    async def put() -> None:
        async with WriteQueue[int, int](work) as queue:
            await queue.put(1)

    with pytest.raises(WarehouseBusyError):
        asyncio.run(put())


def test_what_nobody_foresaw_in_one_item_costs_that_item_alone() -> None:
    def work(items: Sequence[int]) -> Sequence[int]:
        if 1 in items:
            raise pa.ArrowInvalid("this value has no type")
        return items

    async def put_three() -> list[int | BaseException]:
        async with WriteQueue[int, int](work) as queue:
            return await asyncio.gather(*map(queue.put, range(3)), return_exceptions=True)

    zero, one, two = asyncio.run(put_three())
    assert isinstance(one, pa.ArrowInvalid)
    assert (zero, two) == (0, 2)


def test_whatever_ends_the_work_nobody_waits_for_ever() -> None:
    class EndError(BaseException):
        """As of an engine that gives up."""

    def work(items: Sequence[int]) -> Sequence[int]:
        raise EndError

    async def put() -> None:
        async with WriteQueue[int, int](work) as queue:
            await asyncio.wait_for(queue.put(1), 10)

    with pytest.raises(EndError):
        asyncio.run(put())


class Interrupted(BaseException):
    """As Dagster raises it, out of whatever runs when a signal comes."""


class StruckQueue(WriteQueue[int, int]):
    """One whose own task is struck, not the thread that works for it."""

    def _results(self, items: Sequence[int]) -> Sequence[int | BaseException]:
        raise Interrupted(len(items))


def test_an_interruption_of_the_queue_itself_leaves_nobody_waiting() -> None:
    async def put_all() -> list[int | BaseException]:
        async with StruckQueue(list) as queue:
            waiting = [asyncio.create_task(queue.put(number)) for number in range(3)]
            async with asyncio.timeout(10):
                return await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(one) for one in asyncio.run(put_all())] == [Interrupted] * 3


@pytest.mark.parametrize("where", ["get", "get_nowait"])
def test_an_interruption_between_two_groups_leaves_nobody_waiting_either(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def put_all() -> list[int | BaseException]:
        async with WriteQueue[int, int](list) as queue:
            assert await queue.put(0) == 0

            def strike(*_: object) -> None:
                monkeypatch.undo()
                raise Interrupted

            # As a signal's handler does, in whatever runs when it comes.
            monkeypatch.setattr(asyncio.Queue, where, strike)
            waiting = [asyncio.create_task(queue.put(number)) for number in range(3)]
            async with asyncio.timeout(10):
                found = await asyncio.gather(*waiting, return_exceptions=True)
                return [*found, *await asyncio.gather(queue.put(4), return_exceptions=True)]

    found = asyncio.run(put_all())
    assert {type(one) for one in found[1:]} <= {Interrupted, int}
    assert type(found[-1]) is Interrupted, "nor does anybody who comes later"


def test_a_queue_that_is_cancelled_leaves_nobody_waiting() -> None:
    is_over = threading.Event()

    async def put_all() -> list[int | BaseException]:
        async with WriteQueue[int, int](lambda items: (is_over.wait(5), items)[1]) as queue:
            waiting = [asyncio.create_task(queue.put(number)) for number in range(3)]
            await asyncio.sleep(0.05)
            queue._task.cancel()
            async with asyncio.timeout(10):
                found = await asyncio.gather(*waiting, return_exceptions=True)
            is_over.set()
            return list(found)

    assert [type(one) for one in asyncio.run(put_all())] == [asyncio.CancelledError] * 3
