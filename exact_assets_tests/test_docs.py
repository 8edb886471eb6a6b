"""What the documents name exists, and what exists is documented."""

import ast
import re
from pathlib import Path

import click
import pytest

from exact_assets.cli import COMMANDS, main
from exact_assets.config import ExactConfig, variable_of

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = [ROOT / "exact_assets", ROOT / "exact_simulator", ROOT / "exact_assets_tests"]
MODULES = {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in package.rglob("*.py")}
REFERENCE = r"(?:stands?|decided|read|are|is) in\s+((?:`[\w.]+`(?:,\s+|\s+and\s+)?)+)"
TEXT = "\n".join(path.read_text() for path in DOCUMENTS)
VARIABLES = {variable_of(name) for name in ExactConfig.model_fields} | {"DAGSTER_PG_URL"}


def commands() -> set[str]:
    """Every command with its group: `divisions enable`."""
    context = click.Context(main)
    found = set()
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        found |= {f"{name} {sub}" for sub in command.commands} if isinstance(command, click.Group) else {name}
    return found


def test_every_variable_that_is_documented_is_read_and_every_one_that_is_read_is_documented() -> None:
    table = (ROOT / "docs" / "settings.md").read_text()
    assert set(re.findall(r"\b(?:EXACT|DAGSTER)_[A-Z_]+\b", TEXT)) - {"EXACT_", "EXACT_TEST_PG_URL"} <= VARIABLES
    assert {name for name in VARIABLES if f"`{name}`" in table} == VARIABLES


def settings_table() -> str:
    """What docs/settings.md is to have: copy it there when a setting is new."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in ExactConfig.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = extra.get("shown") or ("none" if field.default is None else f"`{field.default}`")
        meaning = " ".join((field.description or "").split())
        lines.append(f"| `{variable_of(name)}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def test_the_settings_are_documented_as_they_are() -> None:
    assert settings_table() in (ROOT / "docs" / "settings.md").read_text()


def test_every_command_that_is_documented_exists() -> None:
    known = commands()
    for name, sub in re.findall(r"exact-assets ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?", TEXT):
        if name in COMMANDS:
            assert name in known or not sub or f"{name} {sub}" in known, f"{name} {sub}"


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"`?(exact-assets )?{command}\b", TEXT)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_that_are_there(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_that_are_named_are_there(path: Path) -> None:
    """Also those named within a folder: `open.py`, `checks/registry.py`."""
    for target in re.findall(r"(?<![\w/.])([\w/]+\.py)\b", path.read_text()):
        assert any(f"/{module}".endswith(f"/{target}") for module in MODULES), target


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_modules_that_docstrings_send_readers_to_are_there(package: Path) -> None:
    """As in: what it means stands in `responses` and `limits`."""
    known = {
        part for path in package.rglob("*.py") for part in path.relative_to(package.parent).with_suffix("").parts
    }
    sent = {
        name: path.name
        for path in package.rglob("*.py")
        for names in re.findall(REFERENCE, ast.get_docstring(ast.parse(path.read_text())) or "")
        for name in re.findall(r"`([\w.]+)`", names)
    }
    assert [f"{where}: {name}" for name, where in sent.items() if not known.issuperset(name.split("."))] == []


def test_references_are_found_in_docstrings() -> None:
    [names] = re.findall(REFERENCE, "What answers mean stands in `responses` and `limits`.")
    assert re.findall(r"`([\w.]+)`", names) == ["responses", "limits"]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100
