"""Steps of many divisions go to the warehouse together, one opening of it for all that wait.

With hundreds of divisions and a handful of changed rows in each, opening the warehouse costs more than writing.
Nothing is delayed to make a batch: what comes while a batch is being written makes the next one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from exact_assets.catalogue.table import Table
from exact_assets.errors import WarehouseError
from exact_assets.stream import Step, Stored
from exact_assets.warehouse.protocol import Warehouse

BATCH_STEPS = 64


@dataclass(frozen=True, slots=True)
class _Job:
    division: int
    step: Step
    expected_seq: int
    stored: asyncio.Future[Stored]


class Writer:
    """An async context in which steps of one table are stored; each is answered when it is committed."""

    def __init__(self, table: Table, warehouse: Warehouse) -> None:
        self._table = table
        self._warehouse = warehouse
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Start to take steps."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; every step that was given has been answered by then, unless the context was cancelled."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def store(self, division: int, step: Step, *, expected_seq: int) -> Stored:
        """Store a step in a transaction of its own.

        Raises:
            LoadSupersededError: another run stored this stream first.
            WarehouseError: the warehouse said no.
        """
        stored: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        await self._jobs.put(_Job(division, step, expected_seq, stored))
        return await stored

    async def _run(self) -> None:
        while True:
            jobs = [await self._jobs.get()]
            while len(jobs) < BATCH_STEPS and not self._jobs.empty():
                jobs.append(self._jobs.get_nowait())
            for job, answer in zip(jobs, await asyncio.to_thread(self._write, jobs), strict=True):
                if job.stored.cancelled():
                    continue
                if isinstance(answer, Exception):
                    job.stored.set_exception(answer)
                else:
                    job.stored.set_result(answer)

    def _write(self, jobs: Sequence[_Job]) -> Sequence[Stored | Exception]:
        try:
            return self._warehouse.store_many(
                self._table, [(job.division, job.step, job.expected_seq) for job in jobs]
            )
        except WarehouseError as error:
            return [error] * len(jobs)
