"""The house of docs/architecture.md, held by reading imports: who may know whom."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "exact_assets"

MAY_KNOW = {
    "errors": set(),
    "error_records": {"errors"},
    "disk": set(),
    "postgresql_address": {"errors"},
    "config": {"errors"},
    "cursors": set(),
    "stream": {"cursors"},
    "next_state": {"stream"},
    "request": {"errors", "next_state", "stream", "exact", "feeds", "planning"},
    "exact": {"errors"},
    "catalogue": {"errors"},
    "feeds": {"errors", "cursors", "next_state", "stream", "exact", "catalogue"},
    "models": {"errors"},
    "warehouse": {"errors", "config", "disk", "postgresql_address", "next_state", "stream", "catalogue", "models"},
    "control": {"errors", "error_records", "disk", "postgresql_address", "config", "exact", "catalogue"},
    "export": {"errors", "warehouse"},
    "write_queue": {"errors"},
    "containment": {"errors"},
    "generations": {"next_state", "stream", "catalogue"},
    "deletion_rights": {"cursors", "next_state", "stream", "catalogue"},
    "columns": {"errors", "exact", "catalogue", "feeds"},
    "planning": {
        "errors",
        "deletion_rights",
        "config",
        "next_state",
        "stream",
        "exact",
        "catalogue",
        "checks",
        "control",
        "selection",
        "warehouse",
    },
    "selection": {"errors", "config", "exact", "catalogue", "control", "warehouse"},
    "known": {"errors", "next_state", "stream", "catalogue", "warehouse"},
    "removals": {"errors", "next_state", "stream", "catalogue", "feeds"},
    "storing": {
        "errors",
        "next_state",
        "stream",
        "exact",
        "catalogue",
        "feeds",
        "write_queue",
        "removals",
        "generations",
        "deletion_rights",
    },
    "replicate": {
        "errors",
        "next_state",
        "stream",
        "exact",
        "catalogue",
        "feeds",
        "warehouse",
        "write_queue",
        "containment",
        "generations",
        "deletion_rights",
        "planning",
        "columns",
        "known",
        "removals",
        "request",
        "storing",
    },
    "checks": {
        "errors",
        "containment",
        "control",
        "cursors",
        "next_state",
        "stream",
        "exact",
        "catalogue",
        "feeds",
        "models",
        "warehouse",
    },
    "documents": {"errors", "config", "containment", "exact", "control", "feeds", "warehouse"},
    "defs": {
        "disk",
        "errors",
        "next_state",
        "documents",
        "stream",
        "containment",
        "config",
        "exact",
        "catalogue",
        "control",
        "models",
        "warehouse",
        "generations",
        "planning",
        "selection",
        "replicate",
        "request",
        "checks",
    },
    "build": {"config", "defs"},
    "definitions": {"build"},
    "scaffold": {"config", "defs"},
    "component": {"errors", "config", "catalogue", "control", "models", "warehouse", "defs", "build", "scaffold"},
    "project": {"errors", "config", "component"},
    "demo": {"errors", "config", "catalogue", "warehouse"},
    "cli": {
        "errors",
        "documents",
        "config",
        "exact",
        "catalogue",
        "control",
        "models",
        "warehouse",
        "planning",
        "selection",
        "defs",
        "project",
        "demo",
        "export",
    },
}
ONLY_HERE = {
    "dagster": {"defs", "build", "component", "scaffold"},
    "httpx": {"exact", "control", "demo"},
    "duckdb": {"warehouse"},
    "psycopg": {"warehouse", "control", "postgresql_address"},
    "sqlalchemy": {"control", "warehouse", "defs"},
    "exact_simulator": set(),
}


METADATA_OF_DAGSTER = {
    "defs/translator.py: dagster/table_name",
    "defs/translator.py: dagster/column_schema",
    "defs/translator.py: dagster/column_lineage",
    "defs/models.py: dagster/column_lineage",
    "defs/models.py: dagster/partition_row_count",
    "defs/events.py: dagster/partition_row_count",
    "defs/events.py: dagster/row_count",
}
"""Keys of metadata, which Dagster documents as strings."""


def parts() -> list[str]:
    return sorted(
        path.stem
        for path in PACKAGE.iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())
    )


def files_of(part: str) -> list[Path]:
    folder = PACKAGE / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_part_has_its_walls() -> None:
    assert set(parts()) == set(MAY_KNOW)


@pytest.mark.parametrize("part", sorted(MAY_KNOW))
def test_a_part_knows_only_the_parts_it_may(part: str) -> None:
    own = {
        name.split(".")[1]
        for path in files_of(part)
        for name in imports_of(path)
        if name.startswith("exact_assets.")
    }
    assert own - {part} <= MAY_KNOW[part]


@pytest.mark.parametrize("library", sorted(ONLY_HERE))
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    knowing = {
        part
        for part in parts()
        for path in files_of(part)
        for name in imports_of(path)
        if name.split(".")[0] == library
    }
    assert knowing <= ONLY_HERE[library]


def reads_of_the_environment(path: Path) -> Iterator[str]:
    """Names by which a module reads the environment."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "EnvVar"}:
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            yield from names & {"environ", "environb", "getenv", "EnvVar", "BaseSettings"}


def test_only_the_configuration_reads_the_environment() -> None:
    reading = {path.name for path in PACKAGE.rglob("*.py") if list(reads_of_the_environment(path))}
    assert reading == {"config.py"}


ENGINES = ("duckdb", "postgresql")
ENGINE_WORDS = re.compile(r"duckdb|postgres|psycopg|\b(rowid|ctid)\b", re.IGNORECASE)
NAMES_AN_ENGINE = {
    "warehouse/open.py": "the one place that chooses",
    "config.py": "an example of a URL",
    "demo/database.py": "a server for a demo of that engine",
    "demo/run.py": "a demo is of one engine or the other",
    "cli/demo.py": "likewise",
    "defs/instance_storage.py": "Dagster's own storage, which is not a warehouse",
    "postgresql_address.py": "the address of a server, which may keep a warehouse and a control store",
    "control/database.py": "the one place that chooses where a control store is",
    "control/postgresql.py": "a control store on a server",
    "control/advisory_locks.py": "its locks",
    "cli/sql.py": "names the files that can be read beside a copy that is one",
    "cli/migrate.py": "tells by two URLs what is to be moved",
    "control/hosts.py": "says what to use on several machines",
    "control/secrets.py": "says when a key is needed",
    "warehouse/patience.py": "says what to use where many must read",
    "control/marks.py": "names a stranger's file that stands where the control store should be",
}


def words_of(path: Path) -> Iterator[str]:
    """Yield what code says: names, imports and strings, but for docstrings."""
    tree = ast.parse(path.read_text())
    alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    docstrings = {id(value) for value in alone if isinstance(value, ast.Constant)}
    yield from imports_of(path)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(said)) if id(node) not in docstrings:
                yield said
            case ast.Name(id=said) | ast.arg(arg=said) | ast.Attribute(attr=said):
                yield said
            case ast.ClassDef(name=said) | ast.FunctionDef(name=said) | ast.AsyncFunctionDef(name=said):
                yield said


def test_an_engine_is_named_only_in_its_folder_and_where_one_is_chosen() -> None:
    naming = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if not any(PACKAGE / "warehouse" / engine in path.parents for engine in ENGINES)
        and any(ENGINE_WORDS.search(said) for said in words_of(path))
    }
    assert naming == set(NAMES_AN_ENGINE)


def test_the_conformance_suite_names_an_engine_in_one_module() -> None:
    suite = (ROOT / "exact_assets_tests" / "warehouse").glob("*.py")
    naming = {
        path.name
        for path in suite
        if path.name != "test_postgresql.py"
        and any(word in said.lower() for said in words_of(path) for word in ENGINES)
    }
    assert naming == {"engines.py"}


def test_an_engine_holds_no_policy() -> None:
    """It knows the form of statements and what it implements; nothing of tables, steps, states or the selection."""
    may_know = (
        "errors",
        "disk",
        "postgresql_address",
        "warehouse.connection",
        "warehouse.patience",
        "warehouse.sql.dialect",
        "warehouse.sql.types",
    )
    for engine in ENGINES:
        for path in (PACKAGE / "warehouse" / engine).glob("*.py"):
            imported = (name for name in imports_of(path) if name.startswith("exact_assets."))
            ours = [name.removeprefix("exact_assets.") for name in imported]
            others = [name for name in ours if not name.startswith((f"warehouse.{engine}", *may_know))]
            assert others == [], path


def test_the_simulator_shares_nothing_with_what_it_tests() -> None:
    for path in (ROOT / "exact_simulator").rglob("*.py"):
        assert not any(name.startswith("exact_assets") for name in imports_of(path)), path


def test_every_module_says_what_belongs_in_it() -> None:
    for folder in ("exact_assets", "exact_simulator", "exact_assets_tests"):
        for path in (ROOT / folder).rglob("*.py"):
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_what_dagster_does_not_export_is_imported_in_one_module() -> None:
    private = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for name in imports_of(path)
        if "dagster._" in name
    }
    assert private == {"defs/internals.py"}


def test_tags_of_dagsters_own_are_names_and_no_strings() -> None:
    tags = {
        f"{path.relative_to(PACKAGE)}: {node.value}"
        for path in (PACKAGE / "defs").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("dagster/")
    }
    assert tags == METADATA_OF_DAGSTER
