"""`exact-assets demo`."""

from pathlib import Path

import click

from exact_assets.cli.show import console
from exact_assets.demo.run import run_demo


@click.command(name="demo")
@click.option("--ui/--no-ui", default=True, help="Keep the Dagster UI open, or end after the closing table.")
@click.option("--port", default=3000, show_default=True, help="For the UI, where it is free.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".state/demo"),
    show_default=True,
    help="For its state.",
)
@click.option(
    "--warehouse",
    type=click.Choice(["duckdb", "postgresql"]),
    default="duckdb",
    show_default=True,
    help="A file, or a PostgreSQL server that is started for it.",
)
def demo_command(ui: bool, port: int, folder: Path, warehouse: str) -> None:
    """Load two divisions of a simulated Exact Online by real Dagster runs, and open the UI."""
    run_demo(folder, port=port, shows_ui=ui, has_server=warehouse == "postgresql", console=console())
