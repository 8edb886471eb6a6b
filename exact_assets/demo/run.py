"""What `make demo` does, step by step, through the same commands and runs that a user has."""

import contextlib
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx
from rich.console import Console

from exact_assets.catalogue import select
from exact_assets.config import child_environment
from exact_assets.demo.changes import print_arrival, rename_customer
from exact_assets.demo.database import make_cluster, serving, url_of_server
from exact_assets.demo.loading import load, run_all_checks
from exact_assets.demo.processes import free_port, running, wait_for
from exact_assets.demo.report import print_checks, print_report
from exact_assets.demo.webserver import Webserver
from exact_assets.errors import DemoError
from exact_assets.warehouse.open import FILE_NAME, file_url, open_warehouse

CHECKOUT = Path(__file__).parents[2]
DEMO_DIVISIONS = 2
YEARS_BACK = 4
LEDGER_ROWS = 5_000
START_SECONDS = 90
# Exact allows 60 calls a minute; the demo's simulator is more generous, so that nobody waits for a quota in a demo.
MINUTE_LIMIT = 600
REVENUE_BY_CUSTOMER = (
    "SELECT l.account_name AS customer, -sum(l.amount_dc) AS revenue "
    "FROM exact.financialtransaction_transaction_lines l "
    "JOIN exact.financial_gl_accounts g ON g.division = l.division AND g.id = l.gl_account "
    "WHERE g.type = 110 GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
)
"""Of accounts of the kind that Exact calls revenue."""
OF_THE_DEMO = "# Written by the demo, each time that it starts."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a demo keeps its state: nothing of it touches a real installation."""

    folder: Path
    has_server: bool = False
    """Whether the warehouse is on a PostgreSQL server of the demo's own."""

    @property
    def warehouse(self) -> Path:
        """The file of the warehouse, or the folder of its server."""
        return self.folder / ("postgresql" if self.has_server else FILE_NAME)

    @property
    def warehouse_url(self) -> str:
        """Where the warehouse is, as settings have it."""
        return url_of_server(self.warehouse) if self.has_server else file_url(self.warehouse)

    @property
    def control_url(self) -> str:
        """Where the control store is: beside the warehouse on a server, else in a file."""
        return self.warehouse_url if self.has_server else f"sqlite:///{self.folder / 'control.sqlite'}"

    def environment(self, site_url: str) -> dict[str, str]:
        """Return the settings under which all of the demo's processes run."""
        return {
            "DAGSTER_HOME": str(self.folder),
            "EXACT_COUNTRY": "nl",
            "EXACT_BASE_URL": site_url,
            "EXACT_CLIENT_ID": "demo-client",
            "EXACT_CLIENT_SECRET": "demo-secret",
            "EXACT_REDIRECT_URI": "http://localhost:8735/callback",
            "EXACT_START_YEAR": str(datetime.now(UTC).year - YEARS_BACK),
            "EXACT_WAREHOUSE_URL": self.warehouse_url,
            "EXACT_CONTROL_URL": self.control_url,
            "EXACT_WRITE_DOCUMENTS": "true",
            "EXACT_DOCUMENT_FILES": str(self.folder / "files"),
            # What the demo keeps is made up, and so is its key.
            **({"EXACT_SECRET_KEY": "demo-secret-key"} if self.has_server else {}),
        }

    def keep(self, environment: Mapping[str, str]) -> None:
        """Write the settings where commands that are run in the folder read them; settings of others stay."""
        path = self.folder / ".env"
        if path.exists() and not path.read_text().startswith(OF_THE_DEMO):
            return
        lines = [OF_THE_DEMO, *(f"{name}={_quoted(value)}" for name, value in environment.items())]
        path.write_text("\n".join(lines) + "\n")


def _quoted(value: str) -> str:
    r"""Quote a value so that nothing in it is taken for a variable."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def run_demo(folder: Path, *, port: int, shows_ui: bool, has_server: bool = False, console: Console) -> None:
    """Play the demo.

    Args:
        folder: where its state is kept; a second demo there starts from it and catches up.
        port: for the UI, where it is free.
        has_server: keep the warehouse on PostgreSQL, in a server that ends with the demo.
        shows_ui: keep the UI until Ctrl-C; else end after the closing table.
        console: where progress is shown.

    Raises:
        DemoError: a part did not start or a load failed.
    """
    place = Place(folder.resolve(), has_server)
    place.folder.mkdir(parents=True, exist_ok=True)
    (place.folder / "dagster.yaml").write_text(_instance_settings())
    is_first = not place.warehouse.exists()
    years = range(datetime.now(UTC).year - YEARS_BACK, datetime.now(UTC).year + 1)
    _end_on_signals()
    with contextlib.ExitStack() as stack:
        if has_server:
            console.print("Starting PostgreSQL …")
            place.warehouse.mkdir(exist_ok=True)
            make_cluster(place.warehouse)
            stack.enter_context(serving(place.warehouse))
        site_url = _start_simulator(stack, place, years, console)
        environment = place.environment(site_url)
        place.keep(environment)
        is_up = _start_dagster(stack, place, environment, port, console)
        divisions = _connect(environment, place, console)
        dagster = is_up()
        change = None if is_first else rename_customer(site_url, divisions[0])
        started = time.monotonic()
        console.print("Loading the default tables …" if is_first else "Catching up with what has changed …")
        tally = load(dagster, select(None), divisions=divisions, years=years, console=console)
        seconds = time.monotonic() - started
        console.print("Checking all of it, and comparing it with Exact's own counts …")
        checked = run_all_checks(dagster, select(None), console=console)
        print_report(console, open_warehouse(place.warehouse_url), tally, seconds=seconds)
        print_checks(console, checked)
        if change is not None:
            print_arrival(open_warehouse(place.warehouse_url), change, tally)
        if shows_ui:
            console.print(f"\nDagster UI: [link={dagster.base_url}]{dagster.base_url}[/link]")
            click.echo(f"The data: {place.warehouse}\n\n{_for_another_terminal(place, environment)}\n")
            click.echo("Ctrl-C ends the demo.")
            _wait_for_interrupt()


def _for_another_terminal(place: Place, environment: Mapping[str, str]) -> str:
    """Return what can be typed elsewhere: the settings of the demo for the CLI, and a question to its data."""
    kept = place.folder / "environment.sh"
    kept.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()))
    commands = Path(sys.executable).parent
    return (
        "In another terminal, the commands and a question:\n"
        f"  . {shlex.quote(str(kept))} && {shlex.quote(str(commands / 'exact-assets'))} status\n"
        f"  {shlex.quote(sys.executable)} -c {shlex.quote(question_of(place.warehouse))}"
    )


def question_of(warehouse: Path) -> str:
    """Return a line of Python that asks the warehouse for revenue by customer."""
    return f"import duckdb; duckdb.connect({str(warehouse)!r}, read_only=True).sql({REVENUE_BY_CUSTOMER!r}).show()"


def _start_simulator(stack: contextlib.ExitStack, place: Place, years: range, console: Console) -> str:
    """Start the server that plays Exact Online, on the same port as before where that is free."""
    console.print("Starting a simulated Exact Online …")
    kept = place.folder / "simulator.port"
    port = free_port(int(kept.read_text()) if kept.exists() else None)
    kept.write_text(str(port))
    log = place.folder / "simulator.log"
    arguments = ["exact_simulator", "--port", str(port), "--data", str(place.folder / "simulator.sqlite")]
    arguments += [
        "--divisions",
        str(DEMO_DIVISIONS),
        "--years",
        f"{years[0]}-{years[-1]}",
        "--rows",
        str(LEDGER_ROWS),
    ]
    arguments += [
        "--minute-limit",
        str(MINUTE_LIMIT),
        "--client-id",
        "demo-client",
        "--client-secret",
        "demo-secret",
    ]
    process = stack.enter_context(running(arguments, environment={}, folder=place.folder, log=log))
    site_url = f"http://127.0.0.1:{port}"

    def answers() -> Iterator[bool]:
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{site_url}/_simulator/clock")
                yield True
            yield False

    wait_for("the simulator", answers(), process=process, log=log, timeout_seconds=START_SECONDS)
    return site_url


def _connect(environment: Mapping[str, str], place: Place, console: Console) -> list[int]:
    """Connect and choose divisions, in the two steps that a script without a browser takes."""
    console.print("Connecting and choosing divisions …")
    printed = _command(place, environment, "connect", "--no-browser", "--wait-seconds", "0")
    address = next(word for word in printed.split() if "/api/oauth2/auth" in word)
    answer = httpx.get(address, follow_redirects=False)
    _command(place, environment, "connect", "--redirect-url", answer.headers["location"])
    _command(place, environment, "divisions", "refresh")
    known = json.loads(_command(place, environment, "divisions", "list", "--json"))
    divisions = [int(division["division"]) for division in known][:DEMO_DIVISIONS]
    _command(place, environment, "divisions", "enable", *(str(division) for division in divisions))
    return divisions


def _start_dagster(
    stack: contextlib.ExitStack, place: Place, environment: Mapping[str, str], port: int, console: Console
) -> Callable[[], Webserver]:
    """Start Dagster; what is returned waits until it answers, and there is work to be done in the meantime."""
    console.print("Starting Dagster …")
    log = place.folder / "dagster.log"
    port = free_port(port)
    arguments = ["dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "--port", str(port)]
    process = stack.enter_context(running(arguments, environment=environment, folder=place.folder, log=log))
    dagster = Webserver(f"http://127.0.0.1:{port}")

    def wait() -> Webserver:
        wait_for("Dagster", dagster.is_up(), process=process, log=log, timeout_seconds=START_SECONDS)
        return dagster

    return wait


def _command(place: Place, environment: Mapping[str, str], *arguments: str) -> str:
    """Run an `exact-assets` command as a user would, and return what it prints."""
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "exact_assets.cli", *arguments],
        cwd=place.folder,
        env=child_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"exact-assets {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _instance_settings() -> str:
    try:
        return (CHECKOUT / "dagster.yaml").read_text()
    except FileNotFoundError:
        raise DemoError("the demo runs in a checkout of the project: there is no dagster.yaml here") from None


def _end_on_signals() -> None:
    """End as on Ctrl-C, children first, also when asked by a signal, or started where Ctrl-C was switched off."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _wait_for_interrupt() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
