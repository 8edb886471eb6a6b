"""Finds the component's YAML in the Dagster project around a folder, so that commands use what the project uses.

Without a project the environment alone is asked, and neither Dagster nor YAML is imported.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exact_assets.config import ExactConfig
from exact_assets.errors import SettingsError

COMPONENT = "exact_assets.ExactOnlineComponent"
COMPONENTS = {COMPONENT, "exact_assets.component.ExactOnlineComponent"}
DEFS_FILES = ("defs.yaml", "defs.yml")


def configuration(folder: Path, *, defs: Path | None = None) -> ExactConfig:
    """Return the configuration for a command.

    Args:
        folder: where it is called.
        defs: the YAML of a component; None: the one that the project around `folder` has, if it has one.

    Raises:
        SettingsError: the YAML or the environment makes no sense, or the project has several components of ours.
    """
    root = project_root(folder if defs is None else defs.resolve().parent)
    if defs is not None:
        found = list(_attributes(defs))
        if not found:
            raise SettingsError(f"{defs} has no component {COMPONENT}, nor one that is derived from it.")
    else:
        found = [] if root is None else list(_components(root))
    if not found:
        return ExactConfig.from_env()
    if len(found) > 1:
        files = ", ".join(str(path) for path, _ in found)
        raise SettingsError(f"There are {len(found)} components of Exact Online: {files}. Name one with --defs.")
    path, attributes = found[0]
    return _resolved(path, attributes, root)


def project_root(folder: Path) -> Path | None:
    """Return the root of the Dagster project that a folder is in; None: it is in none."""
    for one in (folder.resolve(), *folder.resolve().parents):
        if _root_module(one) is not None:
            return one
    return None


def _root_module(folder: Path) -> str | None:
    try:
        told = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    module = told.get("tool", {}).get("dg", {}).get("project", {}).get("root_module")
    return module if isinstance(module, str) else None


def _components(root: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield file and attributes of each component of ours in a project."""
    package = Path(*(_root_module(root) or "").split("."))
    for folder in (root / "src" / package, root / package):
        for name in DEFS_FILES:
            for path in sorted(folder.rglob(name)):
                yield from _attributes(path, only_named=True)


def _attributes(path: Path, *, only_named: bool = False) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the attributes of each component of ours in a file; a class derived from it has a name of its own."""
    import yaml  # noqa: PLC0415 - of a project only

    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        if only_named:
            return  # some other component's, and Dagster's to tell
        raise SettingsError(f"{path} cannot be read: {error}") from error
    for document in documents:
        kind = document.get("type") if isinstance(document, dict) else None
        if kind in COMPONENTS or (kind and not only_named):
            yield path, document.get("attributes") or {}


def _resolved(path: Path, attributes: Mapping[str, Any], root: Path | None) -> ExactConfig:
    import yaml  # noqa: PLC0415 - as above
    from pydantic import ValidationError  # noqa: PLC0415 - likewise

    from exact_assets.component import ExactOnlineComponent  # noqa: PLC0415 - likewise

    known = {name: value for name, value in attributes.items() if name in ExactConfig.model_fields}
    try:
        component: ExactOnlineComponent = ExactOnlineComponent.resolve_from_yaml(
            yaml.safe_dump(known), scope={"project_root": str(root or path.parent)}
        )
    except ValidationError as error:
        wrong = "; ".join(f"{one['loc'][-1]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise SettingsError(f"{path}: {wrong}") from error
    return component.config(project_root=root)
