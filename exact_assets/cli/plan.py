"""`exact-assets plan`."""

from dataclasses import asdict

import click

from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import show
from exact_assets.planning import view
from exact_assets.planning.command import gather


@click.command(name="plan")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--division", type=int, help="Show the tables of one division, enabled or not.")
@click.option("--count", "counts", is_flag=True, help="Ask Exact how large tables are that are not loaded yet.")
def plan_command(as_json: bool, division: int | None, counts: bool) -> None:
    """Show what the chosen tables cost in calls a day, whether that fits, and when first loads will be done."""
    found = gather(configuration_of_command(), division=division, counts=counts)
    if as_json:
        show([asdict(one) for one in found], as_json=True)
        return
    if not found:
        click.echo("No division is enabled: see `exact-assets divisions list`, then enable some.")
        return
    show([*(view.summary(found) if division is None else view.table_rows(found[0]))], as_json=False)
    if division is not None:
        show([*view.summary(found)], as_json=False)
    for note in view.notes(found):
        click.echo(note)
