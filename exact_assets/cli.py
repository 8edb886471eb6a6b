"""The `exact-assets` command. Thin: each command gathers options and prints; the work is done elsewhere.

Exit codes: 0 done, 1 failed with the reason on standard error, 2 wrong usage.
"""

import asyncio
import json
import sys
import webbrowser
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table as Grid

from exact_assets.config import ExactConfig
from exact_assets.errors import ExactAssetsError, ReconnectError, SettingsError

STATUS_TIMEOUT_SECONDS = 10.0
"""Whoever asks how it stands does not wait a minute to hear that another program holds the file."""

MOST_ROWS_SHOWN = 2_000
"""A table that somebody filled with 100,000 rows took minutes to draw."""

if TYPE_CHECKING:
    from exact_assets.control.open import Control
    from exact_assets.warehouse.divisions import DivisionChoice
    from exact_assets.warehouse.protocol import Warehouse


class ReportingGroup(click.Group):
    """Turns errors that are meant to be read into one line on standard error and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ExactAssetsError as error:
            click.echo(f"exact-assets: {error}", err=True)
            ctx.exit(1)


@click.group(cls=ReportingGroup)
@click.version_option(package_name="exact-assets")
def main() -> None:
    """Keep a faithful copy of Exact Online in your warehouse."""


@main.command()
@click.option(
    "--redirect-url", help="The address that Exact sent the browser to, with ?code=…; ends the connection."
)
@click.option("--browser/--no-browser", default=True, help="Open the address, or only print it.")
@click.option(
    "--wait-seconds", default=300.0, show_default=True, help="How long to wait for the answer; 0: do not."
)
def connect(redirect_url: str | None, browser: bool, wait_seconds: float) -> None:
    """Connect to Exact Online: let the app in, and store its tokens.

    Prints the address at which you let the app in, and waits until your browser comes back to the redirect URI, or
    until you paste the address that it was sent to. A script can do the second step with --redirect-url.
    """
    from exact_assets.control.connect import finish, look_around  # noqa: PLC0415 - other commands start sooner
    from exact_assets.control.open import Control  # noqa: PLC0415 - likewise

    control = Control.open(ExactConfig.from_env())
    control.client_secret()
    answer = redirect_url or _ask(control, browser=browser, wait_seconds=wait_seconds)
    if answer is None:
        return
    finish(control, answer, is_typed=redirect_url is not None)
    found = asyncio.run(look_around(control))
    click.echo(f"Connected to {control.config.site_url} as {found.me.name}; its clock is {found.zone}.")
    for division in found.divisions:
        mark = "*" if division.is_current else " "
        click.echo(f"{mark} {division.code:>9}  {division.description or ''}")


def _ask(control: "Control", *, browser: bool, wait_seconds: float) -> str | None:
    """Show the address and wait for the answer; None: the script that called will bring it later."""
    from exact_assets.control.callback import Receiver  # noqa: PLC0415 - other commands start sooner
    from exact_assets.control.connect import begin  # noqa: PLC0415 - likewise

    with Receiver(control.config.redirect_uri) as receiver:
        address = begin(control)
        click.echo(f"Open this address and let the app in:\n{address}")
        if browser:
            webbrowser.open(address)
        if wait_seconds <= 0:
            click.echo("Then run: exact-assets connect --redirect-url '<the address you were sent to>'", err=True)
            return None
        where = "Waiting for your browser; or paste" if receiver.is_listening else "Paste"
        click.echo(f"{where} the address that you were sent to:", err=True)
        receiver.read_from(sys.stdin)
        answer = receiver.wait(wait_seconds)
    if answer is None:
        raise ReconnectError(
            "No answer came. Run `exact-assets connect --redirect-url '…'` with the address that you were sent to."
        )
    return answer


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--select", "selection", help="Names, groups and globs, comma separated; otherwise all tables.")
def tables(as_json: bool, selection: str | None) -> None:
    """List the tables: how each is read, its key and year, what it costs in calls, how often it is kept in step."""
    from exact_assets.catalogue import chosen_tables, listing, select  # noqa: PLC0415 - other commands start sooner

    config, wrong = ExactConfig.from_env(), None
    try:
        kept = chosen_tables(config.tables, config.frequencies)
    except SettingsError as error:  # told below the list, which shows what can be said instead
        kept, wrong = (), error
    listed = listing(select(selection or "all"), kept=kept)
    _show([asdict(one) for one in listed], as_json=as_json)
    if wrong:
        raise wrong
    if not as_json:
        counts = f"{sum(one.is_default for one in listed)} of them by default"
        click.echo(f"{len(listed)} tables, {counts}, {sum(one.frequency is not None for one in listed)} kept")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--division", type=int, help="Show the tables of one division, enabled or not.")
@click.option("--count", "counts", is_flag=True, help="Ask Exact how large tables are that are not loaded yet.")
def plan(as_json: bool, division: int | None, counts: bool) -> None:
    """Tell what the chosen tables cost in calls a day, whether that fits, and when first loads will be done."""
    from exact_assets.planning import view  # noqa: PLC0415 - other commands start sooner
    from exact_assets.planning.command import gather  # noqa: PLC0415 - likewise

    found = gather(ExactConfig.from_env(), division=division, counts=counts)
    if as_json:
        _show([asdict(one) for one in found], as_json=True)
        return
    if not found:
        click.echo("No division is enabled: see `exact-assets divisions list`, then enable some.")
        return
    _show([*(view.summary(found) if division is None else view.tables(found[0]))], as_json=False)
    if division is not None:
        _show([*view.summary(found)], as_json=False)
    for note in view.notes(found):
        click.echo(note)


@main.group()
def divisions() -> None:
    """Choose the divisions (administrations) that are kept in step."""


@divisions.command()
def refresh() -> None:
    """Ask Exact which divisions there are, and add new ones to the list, not enabled."""
    from exact_assets.control.open import Control  # noqa: PLC0415 - other commands start sooner
    from exact_assets.selection.known import take_up_divisions  # noqa: PLC0415 - likewise

    control = Control.open(ExactConfig.from_env())
    _say_what_is_wrong(control)
    added = asyncio.run(take_up_divisions(control, _warehouse(), partitions=_partitions()))
    click.echo(f"{len(added)} new divisions")


@divisions.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_divisions(as_json: bool) -> None:
    """List the divisions, what is chosen for them and how they stand."""
    _show([asdict(choice) for choice in _choices()], as_json=as_json)


@divisions.command()
def restore() -> None:
    """Bring the choice of divisions back as it was known last, where the selection is gone or was damaged."""
    from exact_assets.control.open import Control  # noqa: PLC0415 - other commands start sooner
    from exact_assets.selection.kept import kept_choices  # noqa: PLC0415 - likewise
    from exact_assets.selection.kept import restore as bring_back  # noqa: PLC0415 - likewise

    control = Control.open(ExactConfig.from_env())
    kept = kept_choices(control, _partitions())
    if not any(one.sync_enabled for one in kept):
        raise SettingsError("No choice of divisions is known: `exact-assets divisions refresh`, then enable some.")
    click.echo(str(bring_back(control, _warehouse(), kept)))


@divisions.command()
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
def enable(codes: tuple[int, ...]) -> None:
    """Keep divisions in step from now on: they become partitions."""
    from exact_assets.catalogue import chosen_tables  # noqa: PLC0415 - other commands start sooner
    from exact_assets.catalogue.deletions import LOG  # noqa: PLC0415 - likewise

    _enable(codes, enabled=True)
    config = ExactConfig.from_env()
    tables = chosen_tables(config.tables, config.frequencies)
    hours = min(table.frequency_minutes for table in tables if table.name != LOG) / 60
    click.echo(
        f"Loading begins with the next schedule of a running Dagster, within {hours:g} h. "
        f"To start now: exact-assets divisions sync-now {' '.join(map(str, codes))}"
    )


@divisions.command()
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
def disable(codes: tuple[int, ...]) -> None:
    """Stop work on divisions: their partitions go, their data stays."""
    _enable(codes, enabled=False)


@divisions.command(name="sync-now")
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
def sync_now(codes: tuple[int, ...]) -> None:
    """Bring divisions up to date out of turn; needs a running Dagster."""
    disabled = [one.division for one in _choices() if one.division in codes and not one.sync_enabled]
    if disabled:
        numbers = " ".join(map(str, disabled))
        raise SettingsError(f"Not enabled: run `exact-assets divisions enable {numbers}` first.")
    _warehouse().set_sync_now(codes, True)
    click.echo("Asked for. A running Dagster begins within a minute; `exact-assets status` shows how far it is.")


@divisions.command(name="set-start-year")
@click.argument("codes", metavar="DIVISION… YEAR", type=int, nargs=-1, required=True)
@click.option("--default", "is_default", is_flag=True, help="Take EXACT_START_YEAR again; give no year then.")
def set_start_year(codes: tuple[int, ...], is_default: bool) -> None:
    """Choose the first business year to load of divisions."""
    from exact_assets.selection.standing import start_year_problem  # noqa: PLC0415 - other commands start sooner
    from exact_assets.warehouse.divisions import DivisionChoice  # noqa: PLC0415 - likewise

    chosen, year = (codes, None) if is_default else (codes[:-1], codes[-1])
    if not chosen:
        raise click.UsageError("Name divisions and then the year, or --default.")
    choice = DivisionChoice(division=0, start_year=year)
    problem = start_year_problem(
        choice, setting=ExactConfig.from_env().start_year, this_year=datetime.now(UTC).year
    )
    if problem:
        raise SettingsError(f"{problem}.")
    _warehouse().set_start_year(chosen, year)
    _keep_choices()
    click.echo(f"{len(chosen)} divisions start with {year or 'EXACT_START_YEAR'}, from their next load on")


@divisions.command()
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(codes: tuple[int, ...], yes: bool) -> None:
    """Delete all rows of disabled divisions from the warehouse, for good."""
    from exact_assets.control.open import Control  # noqa: PLC0415 - other commands start sooner
    from exact_assets.selection.purge import purge as delete  # noqa: PLC0415 - likewise
    from exact_assets.selection.purge import refuse_enabled  # noqa: PLC0415 - likewise

    control, warehouse = Control.open(ExactConfig.from_env()), _warehouse()
    refuse_enabled(codes, control, warehouse)
    if not yes:
        click.confirm(f"Delete all rows of {', '.join(map(str, codes))} in all tables?", abort=True)
    lost = delete(codes, control=control, warehouse=warehouse)
    click.echo(f"{sum(lost.values())} rows deleted from {len(lost)} tables")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show how the enabled divisions stand: status, last sync, calls of today, oldest table."""
    from exact_assets.catalogue import chosen_tables  # noqa: PLC0415 - other commands start sooner
    from exact_assets.selection.health import look  # noqa: PLC0415 - likewise
    from exact_assets.selection.overview import overview  # noqa: PLC0415 - likewise

    config = ExactConfig.from_env()
    tables = chosen_tables(config.tables, config.frequencies)
    health = look(config, _warehouse(lock_timeout_seconds=STATUS_TIMEOUT_SECONDS))
    for problem in health.problems:
        click.echo(f"exact-assets: {problem}", err=True)
    if health.control is not None:
        rows = overview(health.choices, tables, health.control, now=datetime.now(UTC))
        _show([asdict(row) for row in rows], as_json=as_json)
    if health.problems:
        click.get_current_context().exit(1)


@main.command()
@click.option("--ui/--no-ui", default=True, help="Keep the Dagster UI open, or end after the closing table.")
@click.option("--port", default=3000, show_default=True, help="For the UI, where it is free.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".state/demo"),
    show_default=True,
    help="For its state.",
)
def demo(ui: bool, port: int, folder: Path) -> None:
    """Load two divisions of a simulated Exact Online by real Dagster runs, and open the UI."""
    from exact_assets.demo.run import run_demo  # noqa: PLC0415 - other commands start sooner

    run_demo(folder, port=port, shows_ui=ui, console=_console())


def _enable(codes: tuple[int, ...], *, enabled: bool) -> None:
    from exact_assets.defs.selection import apply_to_instance  # noqa: PLC0415 - other commands start sooner

    warehouse = _warehouse()
    warehouse.set_enabled(codes, enabled)
    _keep_choices()
    enabled_now = {choice.division for choice in _choices() if choice.sync_enabled}
    selection = warehouse.selection()
    is_whole = selection is not None and not selection.problems
    changes = apply_to_instance(enabled_now, listed=_listed(), is_whole=is_whole)
    click.echo(f"{len(changes.added)} divisions added to the partitions, {len(changes.removed)} removed")


def _keep_choices() -> None:
    """Keep what was just chosen where it survives the warehouse."""
    from exact_assets.control.open import Control  # noqa: PLC0415 - other commands start sooner
    from exact_assets.selection.kept import keep  # noqa: PLC0415 - likewise

    config = ExactConfig.from_env()
    if config.client_id:
        keep(Control.open(config), _warehouse().selection())


def _partitions() -> frozenset[int]:
    from exact_assets.defs.selection import partitions_of_instance  # noqa: PLC0415 - other commands start sooner

    return partitions_of_instance()


def _say_what_is_wrong(control: "Control") -> None:
    """Tell of a selection that is gone or damaged, and what is done about it."""
    from exact_assets.selection.kept import kept_choices, problems  # noqa: PLC0415 - other commands start sooner

    for problem in problems(_warehouse().selection(), kept_choices(control, _partitions())):
        click.echo(f"exact-assets: {problem}", err=True)


def _listed() -> frozenset[int] | None:
    """Give the divisions that Exact lists; None: it was not asked yet, or there is no app to ask with."""
    from exact_assets.control.open import Control  # noqa: PLC0415 - other commands start sooner

    config = ExactConfig.from_env()
    return Control.open(config).listing.read() if config.client_id else None


def _choices() -> "tuple[DivisionChoice, ...]":
    from exact_assets.selection.health import known_choices  # noqa: PLC0415 - other commands start sooner

    return known_choices(ExactConfig.from_env(), _warehouse())


def _warehouse(*, lock_timeout_seconds: float | None = None) -> "Warehouse":
    from exact_assets.warehouse import open as opening  # noqa: PLC0415 - other commands start sooner

    timeout = opening.LOCK_TIMEOUT_SECONDS if lock_timeout_seconds is None else lock_timeout_seconds
    return opening.open_warehouse(ExactConfig.from_env().warehouse_url, lock_timeout_seconds=timeout)


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows for people or for programs."""
    if as_json:
        click.echo(json.dumps(rows, default=str, indent=2))
        return
    grid = Grid(box=box.SIMPLE)
    for name in rows[0] if rows else ():
        grid.add_column(name.replace("_", " "), overflow="fold")
    for row in rows[:MOST_ROWS_SHOWN]:
        grid.add_row(*(_text(value) for value in row.values()))
    _console().print(grid)
    if len(rows) > MOST_ROWS_SHOWN:
        click.echo(f"and {len(rows) - MOST_ROWS_SHOWN} more: --json shows all")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" + (" UTC" if value.tzinfo else "")
    return "" if value is None else str(value)


def _console() -> Console:
    # Where nobody looks, in a file or a pipe, lines are not cut to the width of a screen.
    return Console(width=None if sys.stdout.isatty() else 1000)


if __name__ == "__main__":
    main()
