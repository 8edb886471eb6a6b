"""Several processes that load one division together, as several runs do."""

import pytest

from exact_assets.control.open import Control
from exact_assets_tests.control.processes import next_line, output_of, start
from exact_simulator.process import Simulator

READ = """
import asyncio, sys
import pyarrow as pa
from exact_assets.control.open import Control
from exact_assets.errors import DayQuotaError
from exact_assets.config import ExactConfig
from exact_assets.exact.question import Question

SCHEMA = pa.schema([("Timestamp", pa.int64()), ("ID", pa.string()), ("Division", pa.int32())])
PATH = "/api/v1/{division}/sync/CRM/Accounts"

PARAMS = {"$select": ",".join(SCHEMA.names), "$filter": "Timestamp gt 1"}
QUESTION = Question(path=PATH, params=PARAMS, schema=SCHEMA)

async def read(client, division, times):
    calls = 0
    try:
        for _ in range(times):
            async for page in client.pages(division, QUESTION):
                calls += page.calls
                print("page", flush=True)
    except DayQuotaError:
        print("day", flush=True)
    return calls

async def main():
    async with Control.open(ExactConfig.from_env()).client() as client:
        counts = await asyncio.gather(*(read(client, division, int(sys.argv[1])) for division in (100001, 100002)))
        print(sum(counts))

asyncio.run(main())
"""


@pytest.mark.long
@pytest.mark.usefixtures("connected", "environment")
def test_no_call_is_refused_and_no_two_of_a_division_overlap(simulator: Simulator) -> None:
    """10 calls in windows of 2 seconds; 3 processes reading 30 of each of two divisions."""
    simulator.control.set(minute_limit=10, minute_seconds=2)
    simulator.control.forget_calls()
    for process in [start(READ, "10") for _ in range(3)]:
        assert output_of(process).split()[-1] == "20"
    calls = simulator.control.calls(path="sync/CRM/Accounts")
    assert {call["status"] for call in calls} == {200}
    assert len(calls) == 60
    assert not any(call["is_overlap"] for call in calls)


@pytest.mark.long
@pytest.mark.usefixtures("connected", "environment")
def test_every_call_of_the_day_is_used_and_none_refused(simulator: Simulator) -> None:
    simulator.control.set(minute_limit=1000, day_limit=20)
    simulator.control.forget_calls()
    printed = [output_of(process).split() for process in [start(READ, "15") for _ in range(2)]]
    calls = simulator.control.calls(path="sync/CRM/Accounts")
    assert {call["status"] for call in calls} == {200}
    assert [sum(call["division"] == division for call in calls) for division in (100001, 100002)] == [20, 20]
    assert sum(words.count("day") for words in printed) >= 2


@pytest.mark.long
@pytest.mark.usefixtures("environment")
def test_a_killed_run_leaves_the_division_to_the_next(connected: Control, simulator: Simulator) -> None:
    simulator.control.fault("slow", path="sync/CRM/Accounts", division=100001, value=30, after=1)
    first = start(READ, "3")
    assert [next_line(first) for _ in range(4)] == ["page"] * 4, (
        "one division waits for its answer, the other goes on"
    )
    first.kill()
    first.communicate()
    simulator.control.clear_faults()
    with connected.lease("stream", wait=False) as held:
        assert held
    assert output_of(start(READ, "3")).split()[-1] == "6"
