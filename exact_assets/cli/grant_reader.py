"""`exact-assets grant-reader`."""

import click

from exact_assets.cli.configured import configuration_of_command
from exact_assets.warehouse.open import open_configured
from exact_assets.warehouse.sql.names import READ_SCHEMAS


@click.command(name="grant-reader")
@click.argument("role")
def grant_reader_command(role: str) -> None:
    """Let ROLE read all tables and views of the copy, those to come included, and nothing else.

    The role must be there; this is for a warehouse that has roles.
    """
    open_configured(configuration_of_command()).grant_reader(role)
    click.echo(f"{role} may read {', '.join(READ_SCHEMAS)}, and whatever is made in them from now on.")
