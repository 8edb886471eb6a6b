"""`exact-assets divisions …`: the choice of divisions (administrations) that are kept in step."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property

import click

from exact_assets.catalogue import chosen_tables
from exact_assets.catalogue.deletions import LOG
from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import number_of, show
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.defs.selection import apply_to_instance, partitions_of_instance
from exact_assets.errors import SettingsError
from exact_assets.selection.discovery import discover_divisions
from exact_assets.selection.health import known_choices
from exact_assets.selection.kept import keep, kept_choices, problems, restore
from exact_assets.selection.purge import check_purge, purge
from exact_assets.selection.status import start_year_problem
from exact_assets.warehouse.divisions import DivisionChoice
from exact_assets.warehouse.open import open_configured
from exact_assets.warehouse.protocol import Warehouse


class Stores:
    """What the commands of this group work on; read and opened when it is used, so that `--help` needs neither."""

    @cached_property
    def config(self) -> ExactConfig:
        """The configuration of the environment."""
        return configuration_of_command()

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return open_configured(self.config)

    def control(self) -> Control:
        """Open the control store; raises SettingsError where there is no app registration."""
        return Control.open(self.config)

    def choices(self) -> Sequence[DivisionChoice]:
        """Read the selection; raises where it is gone or cannot be read."""
        return known_choices(self.config, self.warehouse)

    def keep_choices(self) -> None:
        """Keep what was just chosen where it survives the warehouse."""
        if self.config.client_id:
            keep(self.control(), self.warehouse.selection())


pass_stores = click.make_pass_decorator(Stores, ensure=True)


@click.group(name="divisions")
def divisions_command() -> None:
    """Choose the divisions (administrations) that are kept in step."""


@divisions_command.command(name="refresh")
@pass_stores
def refresh_command(stores: Stores) -> None:
    """Ask Exact which divisions there are, and add new ones to the list, not enabled."""
    control, partitions = stores.control(), partitions_of_instance()
    for problem in problems(stores.warehouse.selection(), kept_choices(control, partitions)):
        click.echo(f"exact-assets: {problem}", err=True)
    added = asyncio.run(discover_divisions(control, stores.warehouse, partitions=partitions))
    click.echo(number_of(len(added), "new division"))


@divisions_command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_stores
def list_divisions(stores: Stores, as_json: bool) -> None:
    """List the divisions, what is chosen for them and their status."""
    show([asdict(choice) for choice in stores.choices()], as_json=as_json)


@divisions_command.command(name="restore")
@pass_stores
def restore_command(stores: Stores) -> None:
    """Bring the choice of divisions back as it was known last, where the selection is gone or was damaged."""
    control = stores.control()
    kept = kept_choices(control, partitions_of_instance())
    if not any(one.sync_enabled for one in kept):
        raise SettingsError("No choice of divisions is known: `exact-assets divisions refresh`, then enable some.")
    click.echo(str(restore(control, stores.warehouse, kept)))


@divisions_command.command()
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
@pass_stores
def enable(stores: Stores, codes: tuple[int, ...]) -> None:
    """Keep divisions in step from now on: they become partitions."""
    _set_enabled(stores, codes, enabled=True)
    tables = chosen_tables(stores.config.tables, stores.config.frequencies)
    hours = min(table.frequency_minutes for table in tables if table.name != LOG) / 60
    click.echo(
        f"Loading begins with the next schedule of a running Dagster, within {hours:g} h. "
        f"To start now: exact-assets divisions sync-now {' '.join(map(str, codes))}"
    )


@divisions_command.command()
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
@pass_stores
def disable(stores: Stores, codes: tuple[int, ...]) -> None:
    """Stop work on divisions: their partitions go, their data stays."""
    _set_enabled(stores, codes, enabled=False)


@divisions_command.command(name="sync-now")
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
@pass_stores
def sync_now(stores: Stores, codes: tuple[int, ...]) -> None:
    """Bring divisions up to date out of turn; needs a running Dagster."""
    disabled = [one.division for one in stores.choices() if one.division in codes and not one.sync_enabled]
    if disabled:
        numbers = " ".join(map(str, disabled))
        raise SettingsError(f"Not enabled: run `exact-assets divisions enable {numbers}` first.")
    stores.warehouse.set_sync_now(codes, True)
    click.echo("Asked for. A running Dagster begins within a minute; `exact-assets status` shows how far it is.")


@divisions_command.command(name="set-start-year")
@click.argument("codes", metavar="DIVISION… YEAR", type=int, nargs=-1, required=True)
@click.option("--default", "is_default", is_flag=True, help="Take EXACT_START_YEAR again; give no year then.")
@pass_stores
def set_start_year(stores: Stores, codes: tuple[int, ...], is_default: bool) -> None:
    """Choose the first business year to load of divisions."""
    chosen, year = (codes, None) if is_default else (codes[:-1], codes[-1])
    if not chosen:
        raise click.UsageError("Name divisions and then the year, or --default.")
    choice = DivisionChoice(division=0, start_year=year)
    problem = start_year_problem(choice, setting=stores.config.start_year, this_year=datetime.now(UTC).year)
    if problem:
        raise SettingsError(f"{problem}.")
    stores.warehouse.set_start_year(chosen, year)
    stores.keep_choices()
    begin = "starts" if len(chosen) == 1 else "start"
    year_text = year or "EXACT_START_YEAR"
    click.echo(f"{number_of(len(chosen), 'division')} {begin} with {year_text}, from the next load on")


@divisions_command.command(name="purge")
@click.argument("codes", metavar="DIVISION…", type=int, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_stores
def purge_command(stores: Stores, codes: tuple[int, ...], yes: bool) -> None:
    """Delete all rows of disabled divisions from the warehouse, for good."""
    control = stores.control()
    held = check_purge(codes, control=control, warehouse=stores.warehouse)
    if not held and not yes:
        click.echo(f"No rows are kept of {', '.join(map(str, codes))}.")
        return
    if not yes:
        where = number_of(len(held), "table")
        click.confirm(f"Delete all rows of {', '.join(map(str, codes))} in {where}?", abort=True)
    lost = purge(codes, control=control, warehouse=stores.warehouse)
    click.echo(f"{number_of(sum(lost.values()), 'row')} deleted from {number_of(len(lost), 'table')}")


def _set_enabled(stores: Stores, codes: tuple[int, ...], *, enabled: bool) -> None:
    stores.warehouse.set_enabled(codes, enabled)
    stores.keep_choices()
    enabled_now = {choice.division for choice in stores.choices() if choice.sync_enabled}
    selection = stores.warehouse.selection()
    is_whole = selection is not None and not selection.problems
    listed = stores.control().listing.read() if stores.config.client_id else None
    changes = apply_to_instance(enabled_now, listed=listed, is_whole=is_whole)
    click.echo(
        f"{number_of(len(changes.added), 'division')} added to the partitions, {len(changes.removed)} removed"
    )
