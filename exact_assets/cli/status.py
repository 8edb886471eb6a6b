"""`exact-assets status`."""

from dataclasses import asdict
from datetime import UTC, datetime
from urllib.parse import urlsplit

import click

from exact_assets.catalogue import chosen_tables
from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import show
from exact_assets.selection.health import health_of
from exact_assets.selection.overview import overview
from exact_assets.warehouse.open import open_configured, url_of

STATUS_TIMEOUT_SECONDS = 10.0
"""Whoever asks how it stands does not wait a minute to hear that another program holds the file."""


@click.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(as_json: bool) -> None:
    """Show the enabled divisions: status, last sync, calls of today, oldest table."""
    config = configuration_of_command()
    tables = chosen_tables(config.tables, config.frequencies)
    health = health_of(config, open_configured(config, lock_timeout_seconds=STATUS_TIMEOUT_SECONDS))
    trouble = None if health.control is None else health.control.trouble()
    problems = [*health.problems, *([trouble] if trouble else [])]
    for problem in problems:
        click.echo(f"exact-assets: {problem}", err=True)
    if health.control is not None:
        rows = overview(health.choices, tables, health.control, now=datetime.now(UTC))
        show([asdict(row) for row in rows], as_json=as_json)
    if not as_json:
        click.echo(f"The data: {_shown(url_of(config))}\nTokens and quota: {_shown(config.control_url)}")
    if problems:
        click.get_current_context().exit(1)


def _shown(url: str) -> str:
    """Return where something is kept, without what may be a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
