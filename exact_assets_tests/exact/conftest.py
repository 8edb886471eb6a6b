"""A client whose clock stands still, asking a server whose answers the test writes."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import pyarrow as pa
import pytest

from exact_assets.exact.bodies import Bounds
from exact_assets.exact.client import ExactClient
from exact_assets.exact.page import Page
from exact_assets.exact.question import Question
from exact_assets.exact.sender import Sender
from exact_assets_tests.exact.fakes import Clock, MemoryLedger, MemoryTokens, NoSlots
from exact_assets_tests.exact.vendor import Vendor, run_vendor

Result = TypeVar("Result")
SCHEMA = pa.schema([("ID", pa.string()), ("Division", pa.int32())])
PATH = "/api/v1/{division}/crm/Accounts"


@dataclass
class Bench:
    vendor: Vendor
    clock: Clock = field(default_factory=Clock)
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    bounds: Bounds = field(default_factory=Bounds)

    def ask(self, question: Callable[[ExactClient], Coroutine[Any, Any, Result]]) -> Result:
        async def run() -> Result:
            async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
                sender = Sender(
                    http,
                    tokens=self.tokens,
                    ledger=self.ledger,
                    slots=NoSlots(),
                    bounds=self.bounds,
                    now=self.clock.now,
                    sleep=self.clock.sleep,
                    chance=lambda: 1.0,
                )
                return await question(
                    ExactClient(sender, ledger=self.ledger, site_url=self.vendor.base_url, zone="Europe/Amsterdam")
                )

        return asyncio.run(run())

    def pages(self, seen: list[Page] | None = None, link: str | None = None, **options: Any) -> list[Page]:
        found: list[Page] = [] if seen is None else seen

        async def read(client: ExactClient) -> list[Page]:
            question = Question(path=PATH, params={"$select": "ID,Division"}, **{"schema": SCHEMA, **options})
            async for page in client.pages(7, question, link=link):
                found.append(page)  # noqa: PERF401 - what came before an error counts
            return found

        return self.ask(read)

    def pages_until(self, kind: type[Exception], **options: Any) -> tuple[list[Page], Exception]:
        seen: list[Page] = []
        with pytest.raises(kind) as caught, suppress(StopAsyncIteration):
            self.pages(seen, **options)
        return seen, caught.value


@pytest.fixture
def bench() -> Iterator[Bench]:
    with run_vendor() as vendor:
        made = Bench(vendor)
        vendor.now = made.clock.now
        yield made
