"""Questions that come one by one are put together, as many at once as are waiting.

With hundreds of divisions and a handful of changed rows in each, opening the warehouse costs more than reading or
writing. Nothing is delayed to make a batch: what comes while one is under way makes the next one.
"""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from exact_assets.errors import ExactAssetsError

Question = TypeVar("Question")
Answer = TypeVar("Answer")

BATCH_SIZE = 64


class Batch(Generic[Question, Answer]):
    """An async context in which questions are answered in batches, by a thread."""

    def __init__(self, work: Callable[[Sequence[Question]], Sequence[Answer | ExactAssetsError]]) -> None:
        """Prepare.

        Args:
            work: gives an answer, or the error that is its answer, for each question in their order; blocks.
        """
        self._work = work
        self._waiting: asyncio.Queue[tuple[Question, asyncio.Future[Answer]]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Start to take questions."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop. Whoever asked within the context has been answered by then."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self, question: Question) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            ExactAssetsError: the answer is an error, or the whole batch failed with it.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        await self._waiting.put((question, answer))
        return await answer

    async def _run(self) -> None:
        while True:
            await self._answer_next()

    async def _answer_next(self) -> None:
        """Answer all who wait; a function of its own, so that no rows are held while there is nobody."""
        batch = [await self._waiting.get()]
        while len(batch) < BATCH_SIZE and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        answers = await asyncio.to_thread(self._answers, [question for question, _ in batch])
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.cancelled():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _answers(self, questions: Sequence[Question]) -> Sequence[Answer | Exception]:
        try:
            return self._work(questions)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who asked, who raise it
            return [error] * len(questions)
