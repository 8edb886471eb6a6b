"""Kills real loads at random moments; afterwards the warehouse must equal the simulator, and no key be doubled.

`make storm` kills 200 processes (`python -m exact_assets_tests.trials.storm KILLS SEED --warehouse postgresql` for
others) in rounds, each with a new warehouse: first loads, catch-ups, reloads, two at a time now and then, over
tokens that are due every 20 seconds, while the simulator inserts and updates between them. With `--outages` the
server of warehouse and control store is killed or restarted under a third of the loads. After a round one load is
left alone, and all tables are compared. The seed is printed: a failing one can be played again.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from rich.console import Console

from exact_assets.catalogue import select
from exact_assets_tests import postgresql
from exact_assets_tests.comparison import differences, doubled_keys
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.trials.load import start
from exact_assets_tests.trials.options import arguments, trial_databases
from exact_assets_tests.trials.server import Server, own_server

TABLES = (
    "financialtransaction_transaction_lines,crm_accounts,logistics_items,crm_opportunities,"
    "purchaseentry_purchase_entries,purchaseentry_purchase_entry_lines,vat_vat_codes,salesentry_sales_entries"
)
CHANGING = (
    "crm/Accounts",
    "crm/Opportunities",
    "financialtransaction/TransactionLines",
    "purchaseentry/PurchaseEntries",
    "vat/VATCodes",
)
KILLS_A_ROUND = 25
STRUCK = 1 / 3
"""Of the loads, where the server is struck as well."""
ROWS = 12_000
"""Ledger lines of each division: more than one chunk holds."""
TOKEN_SECONDS = 20
SWITCHES = {
    "minute_limit": 1_000_000,
    "day_limit": 1_000_000,
    "token_seconds": TOKEN_SECONDS,
    # A refused filter is asked for once in each new warehouse: the storm must see no other refusal.
    "filterable": "any",
    "sync_order": "shuffled",
}


class Phase(StrEnum):
    """What a load is about."""

    FIRST = "first load"
    CATCH_UP = "catch-up"
    RELOAD = "reload"


@dataclass
class Storm:
    """One installation and what has been done to it."""

    place: Installation
    chance: random.Random
    tables: str = TABLES
    seconds: dict[Phase, float] = field(default_factory=dict)
    """How long a load takes when nobody kills it: kills fall anywhere in it."""
    kills: Counter[str] = field(default_factory=Counter)
    loads: int = 0
    refreshed_under_fire: int = 0
    """Times that tokens were refreshed while a load was killed."""
    rows: int = 0
    """Compared so far."""
    databases: ExitStack | None = None
    """What drops databases afterwards; None: warehouses are files."""
    server: Server | None = None
    """What is struck as well."""
    _made: dict[str, str] = field(default_factory=dict)

    def measure(self) -> None:
        """Time one load of each phase, in a warehouse of its own."""
        for phase in Phase:
            self.seconds[phase] = self._alone(self._warehouse("measured"), phase)

    def round(self, number: int, kills: int) -> None:
        """Kill some loads of a new warehouse, then let one end, and compare.

        Raises:
            AssertionError: a load failed by itself, or the warehouse is not what it should be.
        """
        warehouse, is_loaded, due = self._warehouse(f"round-{number}"), False, self.kills.total() + kills
        while self.kills.total() < due:
            if self.chance.random() < 0.5:
                self._change()
            is_reload = is_loaded and self.chance.random() < 0.5
            phase = Phase.RELOAD if is_reload else Phase.CATCH_UP if is_loaded else Phase.FIRST
            is_loaded |= self._loads(warehouse, phase)
        self._alone(warehouse, Phase.CATCH_UP)
        problems = list(self._problems(warehouse))
        assert not problems, "\n".join([f"{len(problems)} problems", *problems[:20]])

    def check_tokens(self) -> None:
        """Let the token fall due once more.

        Raises:
            AssertionError: the chain of refreshes is dead.
        """
        control = self.place.simulator.control
        refreshes = control.refreshes()
        time.sleep(TOKEN_SECONDS)
        self._alone(self._warehouse("measured"), Phase.CATCH_UP)
        assert control.refreshes() > refreshes, "the chain of tokens is dead"

    def check_calls(self) -> int:
        """Give the number of calls.

        Raises:
            AssertionError: Exact would not have taken one of them.
        """
        calls = self.place.simulator.control.calls()
        refused = Counter((call["status"], call["path"]) for call in calls if 400 <= (call["status"] or 200) < 500)
        assert not refused, f"refused calls: {refused}"
        return len(calls)

    def _loads(self, warehouse: Path | str, phase: Phase) -> bool:
        """Start one load or two, and kill each at a moment of its own; tell whether one came to its end."""
        control = self.place.simulator.control
        refreshes, count = control.refreshes(), 2 if self.chance.random() < 0.25 else 1
        started = time.monotonic()
        moments = sorted(self.chance.uniform(0, self.seconds[phase]) for _ in range(count))
        processes = [self._start(warehouse, phase) for _ in moments]
        may_fail = self.server is not None and self.chance.random() < STRUCK
        if self.server is not None and may_fail:
            time.sleep(self.chance.uniform(0, moments[0]))
            self.server.strike(self.chance)
        killed = [
            _killed(process, started + moment, may_fail=may_fail)
            for process, moment in zip(processes, moments, strict=True)
        ]
        self.kills[phase] += sum(killed)
        self.loads += count
        if any(killed) and control.refreshes() > refreshes:
            self.refreshed_under_fire += 1
        return not all(killed)

    def _alone(self, warehouse: Path | str, phase: Phase) -> float:
        began = time.monotonic()
        _killed(self._start(warehouse, phase), None)
        return time.monotonic() - began

    def _start(self, warehouse: Path | str, phase: Phase) -> ForkServerProcess:
        reload_id = f"reload-{self.chance.randrange(10**9)}" if phase is Phase.RELOAD else None
        url = warehouse if isinstance(warehouse, str) else f"duckdb:///{warehouse}"
        environment = self.place.environment | {"EXACT_WAREHOUSE_URL": url}
        return start(environment, self.tables, self.place.divisions, reload_id=reload_id)

    def _warehouse(self, name: str) -> Path | str:
        """Return a warehouse of the storm's own: a file, or a database, made when it is asked for first."""
        if self.databases is None:
            return self.place.folder / f"{name}.duckdb"
        if name not in self._made:
            self._made[name] = self.databases.enter_context(postgresql.database())
        return self._made[name]

    def _change(self) -> None:
        """Change the source between loads. Deletions are not part of this trial."""
        control = self.place.simulator.control
        for division in self.place.divisions:
            path, verb = self.chance.choice(CHANGING), self.chance.choice([control.insert, control.update])
            verb(path, division, count=self.chance.randrange(1, 5))

    def _problems(self, warehouse: Path | str) -> Iterator[str]:
        start_year = self.place.config.start_year
        for table in select(self.tables):
            yield from doubled_keys(warehouse, table)
            for division in self.place.divisions:
                truth, headers = self.place.truth(table, division), self.place.headers(table, division)
                self.rows += len(truth)
                yield from differences(warehouse, table, division, truth, start_year=start_year, headers=headers)


def _killed(process: ForkServerProcess, at: float | None, *, may_fail: bool = False) -> bool:
    """Wait for a load, or kill it when its time has come (by the monotonic clock); tell whether it ended badly."""
    process.join(None if at is None else max(0.0, at - time.monotonic()))
    if process.is_alive():
        process.kill()
        process.join()
        if process.exitcode != 0:
            return True
    if may_fail and process.exitcode != 0:
        return True
    assert process.exitcode == 0, "a load failed by itself: its error stands above"
    return False


def main(kills: int, seed: int, warehouse: str, *, has_outages: bool) -> None:
    """Play one storm and report; fails with the first differences."""
    console, began = Console(), time.monotonic()
    console.print(f"seed {seed}, {kills} kills, {warehouse}")
    with (
        own_server() if has_outages else nullcontext() as server,
        trial_databases(warehouse) as databases,
        tempfile.TemporaryDirectory() as folder,
        installation(
            Path(folder),
            divisions=2,
            rows=ROWS,
            seed=seed,
            settings=SWITCHES,
            control_database_url=databases.enter_context(postgresql.database()) if databases else None,
        ) as place,
    ):
        storm = Storm(place, random.Random(seed), databases=databases, server=server)
        storm.measure()
        console.print(f"undisturbed: {', '.join(f'{phase} {took:.1f} s' for phase, took in storm.seconds.items())}")
        for number, first in enumerate(range(0, kills, KILLS_A_ROUND)):
            storm.round(number, min(KILLS_A_ROUND, kills - first))
            console.print(f"{storm.kills.total()} kills, {time.monotonic() - began:.0f} s: all tables are equal")
        storm.check_tokens()
        calls = storm.check_calls()
        refreshes = place.simulator.control.refreshes()
    console.print(
        f"{storm.kills.total()} kills ({', '.join(f'{n} in a {phase}' for phase, n in storm.kills.items())}) of "
        f"{storm.loads} loads in {time.monotonic() - began:.0f} s; {calls} calls, none refused; {refreshes} "
        f"refreshes, {storm.refreshed_under_fire} while loads were killed; {storm.rows} rows compared in "
        f"{number + 1} warehouses, all equal to the simulator's, no key doubled"
        + (f"; the server was struck {server.strikes.total()} times: {dict(server.strikes)}" if server else "")
    )


if __name__ == "__main__":
    chosen = arguments(kills=200)
    main(int(chosen.kills), chosen.seed, chosen.warehouse, has_outages=chosen.outages)
