"""`exact-assets dbt-sources`."""

import click
import yaml

from exact_assets.catalogue import chosen_tables
from exact_assets.catalogue.dbt import dbt_sources
from exact_assets.cli.configured import configuration_of_command
from exact_assets.warehouse.sql.names import SCHEMA, SELECTION

LINE_LENGTH = 120


@click.command(name="dbt-sources")
def dbt_sources_command() -> None:
    """Print a sources.yml for dbt: the kept tables with descriptions, keys and freshness.

    Put it in a dbt project: `exact-assets dbt-sources > models/exact/sources.yml`.
    """
    config = configuration_of_command()
    kept = chosen_tables(config.tables, config.frequencies)
    content = dbt_sources(kept, schema=SCHEMA, selection=f"{SCHEMA}.{SELECTION}")
    click.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=LINE_LENGTH), nl=False)
