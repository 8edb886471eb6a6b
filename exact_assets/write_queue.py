"""Work on the warehouse that comes item by item is put together, as many items at once as are waiting.

With hundreds of divisions and a handful of changed rows in each, opening the warehouse costs more than reading or
writing. Nothing is delayed to make a group: what comes while one is under way makes the next one. What the work is
belongs to others.
"""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from exact_assets.errors import ExactAssetsError

Item = TypeVar("Item")
Done = TypeVar("Done")

MOST_ITEMS = 64
"""At once."""


class WriteQueue(Generic[Item, Done]):
    """An async context in which items are worked on in groups, by a thread."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Done | ExactAssetsError]]) -> None:
        """Prepare.

        Args:
            work: returns a result, or the error that is its result, for each item in their order; blocks. What it
                did of a group may be asked for again.
        """
        self._work = work
        self._waiting: asyncio.Queue[tuple[Item, asyncio.Future[Done]]] = asyncio.Queue()
        self._group: list[tuple[Item, asyncio.Future[Done]]] = []
        """What is worked on."""
        self._end: BaseException | None = None
        """What ended it before its time."""

    async def __aenter__(self) -> Self:
        """Start to take items."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop. Whoever put an item within the context has its result by then."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def put(self, item: Item) -> Done:
        """Put an item, and wait for its result.

        Raises:
            ExactAssetsError: the result is an error, or the whole group failed with it.
            BaseException: what ended the queue.
        """
        if self._end is not None:
            raise self._end
        result: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        await self._waiting.put((item, result))
        return await result

    async def _run(self) -> None:
        try:
            while True:
                await self._work_on_next()
        except BaseException as error:
            # An interruption can strike this task wherever it is: nobody else would tell those who wait.
            self._end = error
            while not self._waiting.empty():
                self._group.append(self._waiting.get_nowait())
            for _, future in self._group:
                if isinstance(error, asyncio.CancelledError):
                    future.cancel()
                elif not future.done():
                    future.set_exception(error)
            raise

    async def _work_on_next(self) -> None:
        """Work on all that wait; a function of its own, so that no rows are held while there is nobody."""
        group = self._group = [await self._waiting.get()]
        while len(group) < MOST_ITEMS and not self._waiting.empty():
            group.append(self._waiting.get_nowait())
        results = await asyncio.to_thread(self._results, [item for item, _ in group])
        for (_, future), result in zip(group, results, strict=True):
            if future.cancelled():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._group = []

    def _results(self, items: Sequence[Item]) -> Sequence[Done | BaseException]:
        """Work on items; where that fails in a way not foreseen, one by one, so that it costs only whose it is."""
        try:
            return self._work(items)
        except ExactAssetsError as error:
            return [error] * len(items)
        except BaseException as error:  # noqa: BLE001 - those who wait raise it; else they would wait for ever
            if len(items) == 1 or not isinstance(error, Exception):
                return [error] * len(items)
        return [result for item in items for result in self._results([item])]
