"""Kills all of a real Dagster at random moments of a run's life; after a restart all work must go on.

`make blackout` pulls the plug 100 times (`python -m exact_assets_tests.trials.blackout KILLS SEED` for others):
daemon, webserver, code server and the processes of runs, at once and without warning, while syncs out of turn,
backfills and looks at the deletion log are under way. After every few kills Dagster is left alone, and within
minutes every run has ended, every `sync_now` is taken back, the backfills are complete, the deletion log was asked
for anew, and the warehouse equals its source. The seed is printed: a failing one can be played again.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from rich.console import Console

from exact_assets.catalogue import select
from exact_assets.demo.processes import free_port, running, wait_for
from exact_assets.demo.webserver import Webserver
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.comparison import differences
from exact_assets_tests.defs import backfills
from exact_assets_tests.installation import CHECKOUT, YEARS_BACK, Installation, installation

TABLES = "crm_accounts,logistics_units,vat_vat_codes"
LOG_MINUTES = 1
KILLS_A_ROUND = 5
UP_SECONDS = 120.0
START_TIMEOUT = "start_timeout_seconds: 300"
GOES_ON_WITHIN_SECONDS = 300.0
"""Ninety seconds for a run that was killed before it began, twice in a row at worst, and the time of the work."""
MOMENTS_SECONDS = 20.0
"""How long after a run is seen, at most, the plug is pulled."""
STARTING_SECONDS = 30.0
"""How long after Dagster is started, at most, where the plug is pulled without regard to runs."""

_T = TypeVar("_T")


@dataclass
class Blackout:
    """One installation, its Dagster and what became of it."""

    place: Installation
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    """By what the runs were at."""
    asked: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0

    def life(self) -> None:
        """Start Dagster, ask for something, and kill everything at a random moment."""
        with self._dagster() as (process, webserver):
            if self.chance.random() < 0.25:
                time.sleep(self.chance.uniform(0, STARTING_SECONDS))
            else:
                self._up(process, webserver)
                self._ask(webserver)
                until(lambda: self._unfinished() or None, timeout_seconds=60, or_not=True)
                time.sleep(self.chance.uniform(0, MOMENTS_SECONDS))
            pull_the_plug(process)
        self._count()

    def life_until(self, is_time: Callable[[], bool]) -> None:
        """Start Dagster and kill everything at the moment that is asked for."""
        with self._dagster() as (process, webserver):
            self._up(process, webserver)
            until(lambda: is_time() or None, timeout_seconds=UP_SECONDS)
            pull_the_plug(process)
        self._count()

    def _count(self) -> None:
        # Nobody writes any more: this is how the runs were found.
        self.kills[" and ".join(sorted(self.statuses())) or "no run"] += 1

    def statuses(self) -> set[str]:
        """Return the statuses of the runs that have not ended."""
        return {run.status.value for run in self._unfinished()}

    def goes_on(self, *, has_log: bool = True) -> float:
        """Start Dagster and leave it alone until all is done; return how long that took.

        Args:
            has_log: whether to wait until the deletion log was asked for anew.

        Raises:
            AssertionError: something did not go on, or the warehouse is not what it should be.
        """
        before, began = {run.run_id for run in self._unfinished()}, time.monotonic()
        since = datetime.now(UTC)
        with self._dagster() as (process, webserver):
            self._up(process, webserver)
            until(
                lambda: True if self._is_done(before, since, has_log=has_log) else None,
                timeout_seconds=GOES_ON_WITHIN_SECONDS,
                what=lambda: self._what_is_left(before, since, has_log=has_log),
            )
            took = time.monotonic() - began
            pull_the_plug(process)
        self.slowest_seconds = max(self.slowest_seconds, took)
        problems = [one for division in self.place.divisions for one in self._problems(division)]
        assert not problems, "\n".join(problems[:20])
        return took

    def _is_done(self, before: set[str], since: datetime, *, has_log: bool) -> bool:
        return not any(self._what_is_left(before, since, has_log=has_log).values())

    def _what_is_left(self, before: set[str], since: datetime, *, has_log: bool) -> dict[str, list[str]]:
        with instance_of(self.place) as instance:
            runs = instance.get_runs(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
            going = [f"{one.job_name} {one.status.value} {one.run_id}" for one in runs if _is_old(one, before)]
            open_backfills = [one.backfill_id for one in instance.get_backfills(status=BulkActionStatus.REQUESTED)]
            looked = instance.get_run_records(
                dg.RunsFilter(
                    job_name="exact_deletions", statuses=[dg.DagsterRunStatus.SUCCESS], created_after=since
                )
            )
        choices = open_warehouse(self.place.environment["EXACT_WAREHOUSE_URL"]).list_divisions() or ()
        return {
            "runs": going,
            "backfills": open_backfills,
            "sync_now": [f"{one.division}: {one.status}" for one in choices if one.sync_now],
            "not up to date": [f"{one.division}: {one.status}" for one in choices if one.status != "up to date"],
            "exact_deletions": [] if looked or not has_log else ["was not asked for since the restart"],
        }

    def _ask(self, webserver: Webserver) -> None:
        """Ask for one kind of work, as people do."""
        kind = self.chance.choice(["sync_now", "backfill", "nothing but what is due"])
        self.asked[kind] += 1
        if kind == "sync_now":
            warehouse = open_warehouse(self.place.environment["EXACT_WAREHOUSE_URL"])
            warehouse.set_sync_now([self.chance.choice(self.place.divisions)], True)
        elif kind == "backfill":
            this_year = datetime.now(UTC).year
            keys = [f"{self.chance.choice(self.place.divisions)}|{year}" for year in (this_year - 1, this_year)]
            backfills.launch(webserver, ["crm_accounts"], keys=keys)

    def _unfinished(self) -> list[dg.DagsterRun]:
        with instance_of(self.place) as instance:
            return list(instance.get_runs(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))))

    def _problems(self, division: int) -> Iterator[str]:
        for table in select(TABLES):
            truth = self.place.truth(table, division)
            start_year = datetime.now(UTC).year - YEARS_BACK
            yield from differences(self.place.warehouse, table, division, truth, start_year=start_year)

    @contextmanager
    def _dagster(self) -> Iterator[tuple[subprocess.Popen[bytes], Webserver]]:
        log, port = self.place.folder / "dagster.log", free_port()
        arguments = ["dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "--port", str(port)]
        environment = self.place.environment | {
            "EXACT_TABLES": TABLES,
            "EXACT_FREQUENCIES": f"all=1w,sync_deleted={LOG_MINUTES}m",
        }
        with running(arguments, environment=environment, folder=self.place.folder, log=log) as process:
            yield process, Webserver(f"http://127.0.0.1:{port}")

    def _up(self, process: subprocess.Popen[bytes], webserver: Webserver) -> None:
        log = self.place.folder / "dagster.log"
        wait_for("Dagster", webserver.is_up(), process=process, log=log, timeout_seconds=UP_SECONDS)


def _is_old(run: dg.DagsterRun, before: set[str]) -> bool:
    """Whether a run is of the time before the restart, or stands in for one that is."""
    return run.run_id in before or (run.root_run_id or "") in before


def until(
    find: Callable[[], _T | None],
    *,
    timeout_seconds: float,
    what: Callable[[], object] = lambda: "",
    or_not: bool = False,
) -> _T | None:
    """Wait for something; `or_not`: not for ever, and without complaint."""
    deadline = time.monotonic() + timeout_seconds
    while (found := find()) is None:
        if time.monotonic() > deadline:
            assert or_not, f"not done within {timeout_seconds:.0f} s: {what()}"
            return None
        time.sleep(0.5)
    return found


def pull_the_plug(process: subprocess.Popen[bytes]) -> None:
    """Kill a Dagster and all that it started."""
    pids = {process.pid, *descendants(process.pid)}
    for pid in pids:
        # All stand still first: none is to tell Dagster of another's death.
        send(pid, signal.SIGSTOP)
    for pid in pids | set(descendants(process.pid)):
        send(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    found: list[int] = []
    # Each thread has children of its own.
    for listed in Path("/proc").glob(f"{pid}/task/*/children"):
        try:
            children = listed.read_text().split()
        except OSError:
            continue  # the thread has ended
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, unless it has ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


@contextmanager
def instance_of(place: Installation) -> Iterator[dg.DagsterInstance]:
    """Open Dagster's storage beside the running Dagster."""
    with dg.DagsterInstance.from_config(str(place.folder)) as instance:
        yield instance


@contextmanager
def prepared(folder: Path, seed: int) -> Iterator[Blackout]:
    """Make an installation of three divisions, all enabled."""
    with ExitStack() as stack:
        place = stack.enter_context(installation(folder, divisions=3, rows=60, seed=seed))
        os.environ["DAGSTER_HOME"] = str(place.folder)
        give_up_sooner(place.folder / "dagster.yaml")
        place.enable(*place.divisions)
        open_warehouse(place.environment["EXACT_WAREHOUSE_URL"]).set_sync_now(place.divisions, True)
        yield Blackout(place, random.Random(seed))


def give_up_sooner(dagster_yaml: Path) -> None:
    """Let Dagster give up sooner a run that does not begin, so that 100 kills end within two hours."""
    text = dagster_yaml.read_text()
    assert START_TIMEOUT in text
    dagster_yaml.write_text(text.replace(START_TIMEOUT, "start_timeout_seconds: 90"))


def main(kills: int, seed: int) -> None:
    """Pull the plug so many times and report; fails with what did not go on."""
    console, began = Console(), time.monotonic()
    console.print(f"seed {seed}, {kills} kills")
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder), seed) as blackout:
        for first in range(0, kills, KILLS_A_ROUND):
            for _ in range(min(KILLS_A_ROUND, kills - first)):
                blackout.life()
            took = blackout.goes_on()
            done = blackout.kills.total()
            console.print(f"{done} kills, {time.monotonic() - began:.0f} s: all went on within {took:.0f} s")
        states = ", ".join(f"{count} with {state}" for state, count in blackout.kills.most_common() if count)
        asked = ", ".join(f"{count} x {kind}" for kind, count in blackout.asked.items())
    console.print(
        f"{blackout.kills.total()} kills ({states}) in {time.monotonic() - began:.0f} s; asked for: {asked}; after "
        f"each round all went on within {blackout.slowest_seconds:.0f} s, and every table equals its source"
    )


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if sys.argv[1:] else 100,
        int(sys.argv[2]) if sys.argv[2:] else random.SystemRandom().randrange(10**6),
    )
