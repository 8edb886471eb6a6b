"""The configuration that a command works with."""

from pathlib import Path

import click

from exact_assets.config import ExactConfig
from exact_assets.project import configuration


def configuration_of_command() -> ExactConfig:
    """Return what `--defs` names, else what the project around the working directory has, else the environment's.

    Raises:
        SettingsError: it makes no sense.
    """
    defs: Path | None = click.get_current_context().find_root().obj
    return configuration(Path.cwd(), defs=defs)
