"""A long randomised run: Exact changes, moves, fails and throttles while a real Dagster keeps the copy in step.

`make soak` plays 20 minutes (`python -m exact_assets_tests.trials.soak MINUTES SEED --warehouse postgresql` for
others). Time is short here: a minute of Exact's quota takes 6 seconds, its day 5 minutes, a token lives one, and
tables are due every minute instead of every six hours. Sensors and schedules do all the work, as in a deployment;
what it does besides is what people do: they edit the selection, refresh it after a move, and ask for a sweep.

At every pause the changes stop, and within some minutes warehouse and simulator must be equal in every table. At
the end no call was refused for lack of quota, no key blocked, no refresh token burnt. The seed is printed: a
failing one can be played again.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from rich.console import Console

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.demo.processes import free_port, running, wait_for
from exact_assets.demo.webserver import Webserver
from exact_assets_tests import postgresql
from exact_assets_tests.comparison import Readable, compare, doubled_keys, opened
from exact_assets_tests.defs.jobs import counted_runs, launch_job
from exact_assets_tests.installation import CHECKOUT, Installation, installation, path_of
from exact_assets_tests.trials.options import arguments, trial_databases

TABLES = (
    "crm_accounts,crm_contacts,crm_opportunities,documents_documents,documents_document_attachments,"
    "financialtransaction_transaction_lines,hrm_schedules,logistics_items,logistics_units,payroll_employees,"
    "purchaseentry_purchase_entries,purchaseentry_purchase_entry_lines,salesorder_sales_orders,"
    "salesorder_sales_order_lines,vat_vat_codes"
)
DIVISIONS = 3
ROWS = 400
SWITCHES: Mapping[str, Any] = {
    "minute_seconds": 6,
    "day_seconds": 300,
    "day_limit": 1500,
    "token_seconds": 60,
    # A refused filter is asked for once in each new warehouse: the trial must see no refusal that it did not cause.
    "filterable": "any",
    "sync_order": "shuffled",
}
PASSING_FAULTS = ("reset", "server_error", "cut_body", "garbage", "html", "empty_body", "scraper", "too_broad")
"""Each strikes once and passes."""
PAUSE_EVERY_SECONDS = 240
EQUAL_WITHIN_SECONDS = 300


class NotInStepError(AssertionError):
    """The warehouse did not become equal to the simulator in time."""


@dataclass
class Soak:
    """One installation and what happens to it."""

    place: Installation
    chance: random.Random
    dagster: Webserver
    console: Console
    done: Counter[str] = field(default_factory=Counter)
    late: list[int] = field(default_factory=list)
    compared: int = 0

    @property
    def tables(self) -> tuple[Table, ...]:
        return select(TABLES)

    def act(self) -> None:
        """Do one thing that may happen at Exact, or that people do."""
        actions: list[tuple[int, Callable[[], str]]] = [
            (30, self._change),
            (12, self._delete),
            (6, self._surface),
            (10, self._fail),
            (1, self._move),
            (1, self._link),
            (3, self._ask_now),
            (1, self._switch_off_and_on),
        ]
        [action] = self.chance.choices([one for _, one in actions], [weight for weight, _ in actions])
        self.done[action()] += 1

    def pause(self) -> None:
        """Stop changing, and wait until both sides are equal.

        Raises:
            NotInStepError: they did not become equal.
        """
        control = self.place.simulator.control
        control.clear_faults()
        for ticket in self.late:
            control.mutate("release_late", ticket=ticket)
        self.late.clear()
        self.place.command("divisions", "refresh")
        began, wrong = time.monotonic(), ["not compared"]
        is_swept = False
        while wrong:
            if time.monotonic() - began > EQUAL_WITHIN_SECONDS:
                raise NotInStepError("\n".join([f"{len(wrong)} problems", *wrong[:10]]))
            time.sleep(5)
            wrong = list(self._problems())
            if wrong and not is_swept and time.monotonic() - began > 90:
                # Rows that no log tells of: a person need not wait for the week's sweep.
                for job in ("exact_sweep",):
                    launch_job(
                        self.dagster,
                        job,
                        tables=["crm_opportunities", "purchaseentry_purchase_entries"],
                        mode="sweep",
                        divisions=self.place.divisions,
                    )
                is_swept = True
        self.console.print(f"  equal after {time.monotonic() - began:.0f} s; so far {dict(self.done)}")

    def check_calls(self) -> str:
        """Give what was called.

        Raises:
            AssertionError: quota was exceeded, a key blocked, or a call refused that should not have been sent.
        """
        calls = self.place.simulator.control.calls()
        own = [call for call in calls if call["fault"] is None]
        refused = Counter((call["status"], call["path"]) for call in own if 400 <= (call["status"] or 200) < 500)
        overlaps = sum(call["is_overlap"] for call in calls)
        refreshes = self.place.simulator.control.refreshes()
        assert not refused, f"refused calls: {refused}"
        assert not overlaps, f"{overlaps} calls overlapped another of their division"
        assert refreshes > 0, "no token was refreshed: the trial was too short"
        return f"{len(calls)} calls, {len(calls) - len(own)} struck by faults, none refused; {refreshes} refreshes"

    def _change(self) -> str:
        verb = self.chance.choice(["insert", "update"])
        return self._mutate(verb, count=self.chance.randrange(1, 6))

    def _delete(self) -> str:
        return self._mutate("delete", count=self.chance.randrange(1, 3))

    def _mutate(self, verb: str, *, count: int) -> str:
        table, division = self.chance.choice(self.tables), self.chance.choice(self.place.divisions)
        if verb == "delete" and len(self.place.truth(table, division)) <= 2 * count:
            # The last rows of a table are withheld until a person confirms it.
            return "delete left out"
        try:
            self.place.simulator.control.mutate(
                verb, endpoint=path_of(table.endpoint), division=division, count=count
            )
        except ValueError:
            return f"{verb} not possible"
        return verb

    def _surface(self) -> str:
        """Let rows show with a lower Timestamp than others that were read before."""
        control, division = self.place.simulator.control, self.chance.choice(self.place.divisions)
        if self.late and self.chance.random() < 0.6:
            control.mutate("release_late", ticket=self.late.pop(0))
            return "late rows shown"
        path = self.chance.choice(["crm/Accounts", "financialtransaction/TransactionLines", "logistics/Items"])
        self.late.append(int(control.mutate("surface_late", endpoint=path, division=division, count=2)))
        return "late rows begun"

    def _fail(self) -> str:
        kind = self.chance.choice(PASSING_FAULTS)
        self.place.simulator.control.fault(kind, division=self.chance.choice(self.place.divisions))
        return "fault"

    def _move(self) -> str:
        self.place.simulator.control.mutate("move_division", division=self.chance.choice(self.place.divisions))
        self.place.command("divisions", "refresh")
        return "division moved"

    def _link(self) -> str:
        self.place.simulator.control.mutate("hr_link", division=self.chance.choice(self.place.divisions))
        self.place.command("divisions", "refresh")
        return "HR linked"

    def _ask_now(self) -> str:
        self.place.command("divisions", "sync-now", str(self.chance.choice(self.place.divisions)))
        return "sync-now"

    def _switch_off_and_on(self) -> str:
        division = str(self.chance.choice(self.place.divisions))
        self.place.command("divisions", "disable", division)
        time.sleep(self.chance.uniform(0, 20))
        self.place.command("divisions", "enable", division)
        return "disabled and enabled"

    def _problems(self) -> Iterator[str]:
        try:
            with closing(opened(self.place.readable)) as connection:
                yield from self._differences(connection)
            for table in self.tables:
                yield from doubled_keys(self.place.readable, table)
        except (duckdb.Error, psycopg.Error) as error:
            # A load holds the file, or a table is still to come.
            yield str(error)

    def _differences(self, connection: Readable) -> Iterator[str]:
        for table in self.tables:
            for division in self.place.divisions:
                truth, headers = self.place.truth(table, division), self.place.headers(table, division)
                self.compared += len(truth)
                yield from compare(
                    connection, table, division, truth, start_year=self.place.config.start_year, headers=headers
                )


@contextmanager
def dagster_of(place: Installation) -> Iterator[Webserver]:
    """Run `dagster dev` with its daemon for an installation."""
    log, port = place.folder / "dagster.log", free_port()
    environment = {
        **place.environment,
        "EXACT_TABLES": TABLES,
        "EXACT_FREQUENCIES": "all=1m",
        "PYTHONPATH": str(CHECKOUT),
    }
    arguments = ["dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "--port", str(port)]
    with running(arguments, environment=environment, folder=place.folder, log=log) as process:
        webserver = Webserver(f"http://127.0.0.1:{port}")
        wait_for("Dagster", webserver.is_up(), process=process, log=log, timeout_seconds=120)
        yield webserver


def main(minutes: float, seed: int, warehouse: str) -> None:
    """Play one trial and report; fails with the first differences."""
    console, began, chance = Console(), time.monotonic(), random.Random(seed)
    console.print(f"seed {seed}, {minutes:g} minutes")
    with (
        trial_databases(warehouse) as databases,
        tempfile.TemporaryDirectory() as folder,
        installation(
            Path(folder),
            divisions=DIVISIONS,
            rows=ROWS,
            seed=seed,
            settings=dict(SWITCHES),
            database_url=(url := databases.enter_context(postgresql.database()) if databases else None),
            control_database_url=url,
        ) as place,
    ):
        place.enable(*place.divisions)
        with dagster_of(place) as dagster:
            soak = Soak(place, chance, dagster, console)
            soak.pause()
            while time.monotonic() - began < minutes * 60:
                until = time.monotonic() + PAUSE_EVERY_SECONDS
                while time.monotonic() < until:
                    soak.act()
                    time.sleep(chance.uniform(0.2, 3))
                soak.pause()
            runs = counted_runs(dagster)
        told = soak.check_calls()
    seconds = time.monotonic() - began
    console.print(
        f"{seconds:.0f} s, {seconds / SWITCHES['minute_seconds'] / 60:.1f} hours of Exact's quota; "
        f"{dict(soak.done)}; runs {runs}; {told}; "
        f"{soak.compared} rows compared, all equal in the end, no key doubled"
    )


if __name__ == "__main__":
    chosen = arguments(minutes=20)
    main(chosen.minutes, chosen.seed, chosen.warehouse)
