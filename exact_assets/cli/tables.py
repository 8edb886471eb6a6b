"""`exact-assets tables`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from exact_assets.catalogue import chosen_tables, listing, select
from exact_assets.catalogue.listing import Listed
from exact_assets.cli.show import number_of, show
from exact_assets.config import ExactConfig
from exact_assets.errors import SettingsError


@click.command(name="tables")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--wide", is_flag=True, help="Show keys, years and endpoints too.")
@click.option("--select", "selection", help="Names, groups and globs, comma separated; otherwise all tables.")
def tables_command(as_json: bool, wide: bool, selection: str | None) -> None:
    """List the tables: how each is read, calls for 1,000 rows, whether it is a default, how often it is due."""
    config, wrong = ExactConfig.from_env(), None
    try:
        kept = chosen_tables(config.tables, config.frequencies)
    except SettingsError as error:  # told below the list, which shows what can be said instead
        kept, wrong = (), error
    listed = listing(select(selection or "all", setting="--select"), kept=kept)
    show([asdict(one) for one in listed] if as_json or wide else _narrow(listed), as_json=as_json)
    if wrong:
        raise wrong
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
