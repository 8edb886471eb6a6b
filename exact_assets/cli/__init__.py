"""The `exact-assets` command. Thin: each command gathers options and prints; the work is done elsewhere.

Exit codes: 0 done, 1 failed with the reason on standard error, 2 wrong usage. A command's module is imported when
it is called, so that none waits for the libraries of the others.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from exact_assets.errors import ExactAssetsError

COMMANDS = {
    "connect": "Connect to Exact Online: let the app in, and store its tokens.",
    "divisions": "Choose the divisions (administrations) that are kept in step.",
    "tables": "List the tables: how each is read, and what it costs in calls.",
    "models": "List the business models: what each is made of, and which are not made, and why.",
    "plan": "Show what the chosen tables cost in calls a day.",
    "status": "Show the status of the enabled divisions.",
    "sql": "Run a statement on the copy, which it can only read.",
    "export": "Write tables or models as Parquet, CSV or a workbook.",
    "dbt-sources": "Print a sources.yml for dbt.",
    "documents": "Find, create, update, upsert documents in Exact; attach and download files.",
    "grant-reader": "Let a role of the warehouse read the copy, and nothing else.",
    "migrate": "Copy a warehouse, or move a control store, to another database.",
    "demo": "Load two simulated divisions, and open the Dagster UI.",
}
"""Each is in the module of its name, as `<name>_command`."""


class LazyGroup(click.Group):
    """Imports a command when it is called, and tells errors that are meant to be read in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Import a command; None: there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"exact_assets.cli.{name}"), f"{name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours is one line on standard error and exit code 1."""
        try:
            return super().invoke(ctx)
        except ExactAssetsError as error:
            click.echo(f"exact-assets: {error}", err=True)
            ctx.exit(1)


@click.group(cls=LazyGroup)
@click.version_option(package_name="exact-assets")
@click.option(
    "--defs",
    type=click.Path(path_type=Path),
    help="The YAML of a Dagster component that has the settings; without it that of the project around you.",
)
@click.pass_context
def main(context: click.Context, defs: Path | None) -> None:
    """Keep a faithful copy of Exact Online in your warehouse."""
    context.obj = defs
