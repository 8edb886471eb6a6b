"""`exact-assets migrate`."""

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exact_assets.cli.configured import configuration_of_command
from exact_assets.config import ExactConfig
from exact_assets.control.database import database_at
from exact_assets.control.migrate import migrate_control
from exact_assets.control.run_locks import RunLocks
from exact_assets.errors import SettingsError
from exact_assets.warehouse.migrate import left_behind, migrate_warehouse
from exact_assets.warehouse.open import open_engine, warehouse_kind

CONTROL_KIND, SERVER_KIND = "sqlite", "postgresql"


@click.command(name="migrate")
@click.argument("source")
@click.argument("target")
@click.option(
    "--what",
    type=click.Choice(["warehouse", "control"]),
    help="Where both are servers: what to take. By default what only one of the two can be.",
)
def migrate_command(source: str, target: str, what: str | None) -> None:
    """Copy the warehouse, or move the control store, at URL SOURCE to URL TARGET.

    Stop Dagster first, and set EXACT_WAREHOUSE_URL or EXACT_CONTROL_URL to TARGET afterwards. A copy of a warehouse
    that was cut goes on where it stopped when the command is given again. A control store is moved as a whole: the
    former one tells whoever uses it still.
    """
    config, console = configuration_of_command(), Console()
    chosen = what or _chosen(source, target)
    _require_rest(config)
    if chosen == "control":
        counts = migrate_control(database_at(source), database_at(target), secret_key=config.secret_key)
        rows = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        console.print(f"Moved: {rows or 'nothing, it was empty'}. Set EXACT_CONTROL_URL to the new place.")
        return
    streams, rows_copied, known = 0, 0, 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Streams", total=None)
        is_soft = config.deletions == "soft"
        for total, copied in migrate_warehouse(open_engine(source), open_engine(target), is_soft=is_soft):
            progress.update(task, total=total)
            if copied is not None:
                streams, rows_copied = streams + 1, rows_copied + copied.rows
                known += copied.was_there
                progress.update(task, advance=1, description=f"{copied.table} of {copied.division}")
    console.print(
        f"{streams} streams with {rows_copied} rows are in the target, {known} of them were there before; counts "
        "and sums of each are those of the source. Set EXACT_WAREHOUSE_URL to the new place."
    )
    if others := left_behind(open_engine(source)):
        console.print(f"Not copied, as nothing here makes them: {', '.join(others)}. Models are built anew.")


def _chosen(source: str, target: str) -> str:
    """Return what two URLs can only mean.

    Raises:
        UsageError: they can mean both, or nothing.
    """
    kinds = {warehouse_kind(source), warehouse_kind(target)}
    if CONTROL_KIND in kinds:
        if kinds <= {CONTROL_KIND, SERVER_KIND}:
            return "control"
        raise click.UsageError(
            "SQLite keeps the control store and no warehouse: give two URLs of one or the other."
        )
    if kinds == {SERVER_KIND}:
        raise click.UsageError("Both can be there: say `--what warehouse` or `--what control`.")
    return "warehouse"


def _require_rest(config: ExactConfig) -> None:
    """Refuse while runs are at work, as far as the control store of this environment knows.

    Raises:
        SettingsError: there are some.
    """
    database = database_at(config.control_url)
    alive = RunLocks(config.control_url).alive() if database.is_there else ()
    if alive:
        named = ", ".join(run_id[:8] for run_id in alive[:3])
        raise SettingsError(
            f"{len(alive)} runs are at work ({named}): stop Dagster's daemon, let them end, and migrate then."
        )
