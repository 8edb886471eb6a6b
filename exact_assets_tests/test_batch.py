"""Questions of many divisions reach the warehouse together."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from exact_assets.batch import Batch
from exact_assets.errors import ExactAssetsError, WarehouseBusyError


def test_what_comes_while_a_batch_is_under_way_makes_the_next_one() -> None:
    sizes: list[int] = []
    first_is_under_way, everyone_asked = threading.Event(), threading.Event()

    def work(questions: Sequence[int]) -> Sequence[int]:
        sizes.append(len(questions))
        first_is_under_way.set()
        everyone_asked.wait(10)
        return [question * 2 for question in questions]

    async def ask_all() -> list[int]:
        async with Batch[int, int](work) as batch:
            first = asyncio.create_task(batch.ask(0))
            await asyncio.to_thread(first_is_under_way.wait)
            others = [asyncio.create_task(batch.ask(number)) for number in range(1, 10)]
            await asyncio.sleep(0)
            everyone_asked.set()
            return [await task for task in (first, *others)]

    assert asyncio.run(ask_all()) == [number * 2 for number in range(10)]
    assert sizes == [1, 9]


def test_an_error_reaches_the_one_whose_answer_it_is() -> None:
    def work(questions: Sequence[int]) -> Sequence[int | ExactAssetsError]:
        return [WarehouseBusyError("held") if question == 1 else question for question in questions]

    async def ask_both() -> tuple[int | BaseException, int | BaseException]:
        async with Batch[int, int](work) as batch:
            return await asyncio.gather(batch.ask(1), batch.ask(2), return_exceptions=True)

    refused, answered = asyncio.run(ask_both())
    assert isinstance(refused, WarehouseBusyError)
    assert answered == 2


def test_a_batch_that_fails_whole_fails_everyone_in_it() -> None:
    def work(questions: Sequence[int]) -> Sequence[int]:
        raise WarehouseBusyError(f"{len(questions)} waited in vain")

    async def ask() -> None:
        async with Batch[int, int](work) as batch:
            await batch.ask(1)

    with pytest.raises(WarehouseBusyError):
        asyncio.run(ask())
