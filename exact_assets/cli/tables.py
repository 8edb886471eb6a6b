"""`exact-assets tables`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from exact_assets.catalogue import chosen_tables, listing, select
from exact_assets.catalogue.listing import Listed
from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import number_of, show
from exact_assets.config import ExactConfig
from exact_assets.control.database import database_at
from exact_assets.control.open import Control
from exact_assets.errors import SettingsError


@click.command(name="tables")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--wide", is_flag=True, help="Show keys, years and endpoints too.")
@click.option("--select", "selection", help="Names, groups and globs, comma separated; otherwise all tables.")
def tables_command(as_json: bool, wide: bool, selection: str | None) -> None:
    """List the tables: how each is read, calls for 1,000 rows, whether it is a default, how often it is due."""
    config, wrong = configuration_of_command(), None
    try:
        kept = chosen_tables(config.tables, config.frequencies)
    except SettingsError as error:  # told below the list, which shows what can be said instead
        kept, wrong = (), error
    left_out = _left_out(config)
    listed = listing(select(selection or "all", setting="--select"), kept=kept, left_out=left_out)
    show([asdict(one) for one in listed] if as_json or wide else _narrow(listed), as_json=as_json)
    if wrong:
        raise wrong
    told = {one.name: one.left_out for one in listed if one.left_out}
    if told and not as_json:
        click.echo("Left out, as Exact said it does not know them; asked for again after a month or an upgrade:")
        for name, properties in told.items():
            click.echo(f"  {name}: {', '.join(properties)}")
    if not as_json:
        counts = f"{sum(one.is_default for one in listed)} of them by default"
        click.echo(
            f"{number_of(len(listed), 'table')}, {counts}, {sum(one.frequency is not None for one in listed)} kept"
        )


def _narrow(listed: Sequence[Listed]) -> list[dict[str, Any]]:
    """Return what fits a terminal of 80 columns."""
    return [
        {
            "name": one.name,
            "feed": one.feed,
            "calls": one.calls_per_thousand_rows,
            "default": one.is_default,
            "every": one.frequency,
        }
        for one in listed
    ]


def _left_out(config: ExactConfig) -> Mapping[str, frozenset[str]]:
    """Return the properties that are left out now; where nothing was ever connected, there are none."""
    if not config.client_id or not database_at(config.control_url).is_there:
        return {}
    return Control.open(config).left_out.read()
