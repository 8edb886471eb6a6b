"""Sixteen processes on one control store: tokens that live for seconds, and the quota of twenty divisions.

`make sharing` plays both on an SQLite file, `make sharing WAREHOUSE=postgresql` on PostgreSQL. Tokens: over 200
lifetimes no refresh token may be used twice, no refresh come too early, no call be refused, and no process go
without. Quota: none of Exact's limits may be passed, and at least 95 % of what the minutes allow must be used. Now
and then a process is killed, while it holds a lease or asks for a token.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from exact_assets_tests import postgresql
from exact_assets_tests.installation import CHECKOUT, Installation, installation
from exact_assets_tests.trials.options import arguments, trial_databases

PROCESSES = 16
DIVISIONS = 20
TOKEN_SECONDS = 20.0
"""A token is used until its last twentieth, in which it may be refreshed: that must be longer than a call is on its
way on a busy machine. With four seconds, calls came with a token that had just died."""
MINUTES = 4
"""Of Exact's, as long as they are: shorter ones would measure how long a process takes to start."""
LEAST_USED = 0.95
KILL_EVERY_SECONDS = 10.0
SHORTEST_SILENCE = 30.0
"""A process that asks several times a lifetime, and hears nothing for so long, has gone without a token."""

ASK = """
import asyncio, random, sys, time
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control

async def main():
    until = float(sys.argv[1])
    control = Control.open(ExactConfig.from_env())
    async with control.client() as client:
        while time.time() < until:
            began = time.monotonic()
            async with control.lease_async(f"trial {random.randrange(4)}"):
                await client.me()
            print(f"{time.monotonic() - began:.2f}", flush=True)
            await asyncio.sleep(random.uniform(0, 2))

asyncio.run(main())
"""
READ = """
import asyncio, sys, time
import pyarrow as pa
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.errors import ExactAssetsError
from exact_assets.exact.question import Question

SCHEMA = pa.schema([("Timestamp", pa.int64()), ("ID", pa.string()), ("Division", pa.int32())])
PARAMS = {"$select": ",".join(SCHEMA.names), "$filter": "Timestamp gt 1"}
QUESTION = Question(path="/api/v1/{division}/sync/CRM/Accounts", params=PARAMS, schema=SCHEMA)

async def read(client, division, until):
    while time.time() < until:
        async for page in client.pages(division, QUESTION):
            pass

async def main():
    async with Control.open(ExactConfig.from_env()).client() as client:
        reading = [asyncio.create_task(read(client, int(one), float(sys.argv[1]))) for one in sys.argv[2:]]
        await asyncio.wait(reading, timeout=float(sys.argv[1]) - time.time())
        for task in reading:
            if task.done():
                task.result()
            task.cancel()

asyncio.run(main())
"""


@contextmanager
def place_of(warehouse: str, folder: Path, *, seed: int, **settings: float) -> Iterator[Installation]:
    """Have a simulator and a control store of a kind."""
    with trial_databases(warehouse) as databases:
        url = None if databases is None else databases.enter_context(postgresql.database())
        with installation(
            folder, divisions=DIVISIONS, rows=40, control_database_url=url, seed=seed, settings=settings
        ) as place:
            yield place


def start(place: Installation, code: str, *words: str) -> "subprocess.Popen[str]":
    """Start a process of the trial."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, **place.environment, "PYTHONPATH": str(CHECKOUT)},
        cwd=place.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(processes: Sequence["subprocess.Popen[str]"]) -> list[str]:
    """Wait for processes, and return what each printed.

    Raises:
        AssertionError: one failed.
    """
    printed = []
    for process in processes:
        out, problems = process.communicate()
        assert process.returncode in {0, -signal.SIGKILL}, problems[-3000:]
        printed.append(out)
    return printed


def share_tokens(place: Installation, *, lifetimes: float, chance: random.Random) -> str:
    """Let processes use tokens of a few seconds, and kill one now and then.

    Raises:
        AssertionError: a refresh token was used twice or too early, a call refused, or a process went without.
    """
    control = place.simulator.control
    control.forget_calls()
    refreshes, until = control.refreshes(), time.time() + lifetimes * TOKEN_SECONDS
    processes = [start(place, ASK, str(until)) for _ in range(PROCESSES)]
    everybody, kills = list(processes), 0
    while time.time() < until - 2 * KILL_EVERY_SECONDS:
        time.sleep(chance.uniform(0, 2 * KILL_EVERY_SECONDS))
        one = chance.randrange(PROCESSES)
        processes[one].kill()
        kills += 1
        processes[one] = start(place, ASK, str(until))
        everybody.append(processes[one])
    longest = max(float(word) for text in ended(everybody) for word in text.split())
    statuses = Counter((call["path"].rpartition("/")[2], call["status"]) for call in control.calls())
    refused = {key: count for key, count in statuses.items() if key[1] != 200 and key[1] is not None}
    assert not refused, f"refused: {refused}"
    assert longest < SHORTEST_SILENCE, f"a process waited {longest:.1f} s for a token"
    done = control.refreshes() - refreshes
    assert done >= 0.7 * lifetimes, f"{done} refreshes in {lifetimes:g} lifetimes"
    return (
        f"{done} refreshes in {lifetimes:g} lifetimes, none refused; {statuses.total()} calls of {PROCESSES} "
        f"processes, none refused, the longest wait {longest:.1f} s; {kills} processes killed"
    )


def share_quota(place: Installation) -> str:
    """Let processes read all divisions for some minutes of Exact's.

    Raises:
        AssertionError: a limit was passed, or calls that were allowed were not used.
    """
    control = place.simulator.control
    control.forget_calls()
    until = time.time() + (MINUTES + 1) * 60
    ended([start(place, READ, str(until), *map(str, place.divisions)) for _ in range(PROCESSES)])
    calls = [call for call in control.calls() if call["division"] in place.divisions and call["path"] != "Me"]
    statuses = Counter(call["status"] for call in calls)
    assert set(statuses) <= {200, None}, f"refused: {statuses}"
    assert not any(call["is_overlap"] for call in calls), "two calls of one division at once"
    used = _used(calls)
    assert used >= LEAST_USED, f"only {used:.1%} of the calls that were allowed"
    return (
        f"{len(calls)} calls of {PROCESSES} processes in {DIVISIONS} divisions, none refused; {used:.1%} of "
        "what whole minutes allow"
    )


def _used(calls: Sequence[Mapping[str, float]]) -> float:
    """Return the share of the allowed calls that whole minutes had, after the first call of all."""
    first = min(call["started"] for call in calls)
    begin = first - first % 60 + 60
    counts = Counter(int((call["started"] - begin) // 60) for call in calls)
    whole = [counts[minute] for minute in range(MINUTES - 1)]
    return sum(whole) / (60 * DIVISIONS * len(whole))


def main(lifetimes: float, seed: int, kind: str) -> None:
    """Play the trial on a kind of control store, and report."""
    console = Console()
    console.print(f"seed {seed}, control store on {'PostgreSQL' if kind == 'postgresql' else 'SQLite'}")
    with (
        tempfile.TemporaryDirectory() as folder,
        place_of(
            kind, Path(folder), seed=seed, token_seconds=TOKEN_SECONDS, minute_limit=100_000, day_limit=10**7
        ) as place,
    ):
        console.print(share_tokens(place, lifetimes=lifetimes, chance=random.Random(seed)))
    with tempfile.TemporaryDirectory() as folder, place_of(kind, Path(folder), seed=seed) as place:
        console.print(share_quota(place))


if __name__ == "__main__":
    chosen = arguments(lifetimes=200)
    main(chosen.lifetimes, chosen.seed, chosen.warehouse)
