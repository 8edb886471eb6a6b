"""`exact-assets tables`."""

from dataclasses import asdict

import click

from exact_assets.catalogue import chosen_tables, listing, select
from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import show
from exact_assets.errors import SettingsError


@click.command(name="tables")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--select", "selection", help="Names, groups and globs, comma separated; otherwise all tables.")
def tables_command(as_json: bool, selection: str | None) -> None:
    """List the tables: how each is read, its key and year, what it costs in calls, how often it is kept in step."""
    config, wrong = configuration_of_command(), None
    try:
        kept = chosen_tables(config.tables, config.frequencies)
    except SettingsError as error:  # told below the list, which shows what can be said instead
        kept, wrong = (), error
    listed = listing(select(selection or "all"), kept=kept)
    show([asdict(one) for one in listed], as_json=as_json)
    if wrong:
        raise wrong
    if not as_json:
        counts = f"{sum(one.is_default for one in listed)} of them by default"
        click.echo(f"{len(listed)} tables, {counts}, {sum(one.frequency is not None for one in listed)} kept")
