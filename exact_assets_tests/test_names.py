"""One public name, one meaning in the whole package; docstrings begin with the verb of PEP 257."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "exact_assets"

ENGINES_DIALECTS = {"warehouse/duckdb/dialect.py", "warehouse/postgresql/dialect.py"}
ENGINES_MODULES = {"warehouse/duckdb/engine.py", "warehouse/postgresql/engine.py"}
ENGINES_ERRORS = {"warehouse/duckdb/errors.py", "warehouse/postgresql/errors.py"}

SAME_ROLE = {
    "CHUNK_ROWS": (ENGINES_MODULES, "as many rows as an engine stores at once"),
    "DIALECT": (ENGINES_DIALECTS, "how an engine writes SQL"),
    "translated": (ENGINES_ERRORS, "an engine's errors as ours"),
    "begun": (
        {"control/postgresql.py", "control/sqlite.py"},
        "each kind of control store's way to begin a transaction; `control/database.py` chooses between them",
    ),
    "read": (
        {
            "feeds/deletion_log.py",
            "feeds/modified.py",
            "feeds/parent.py",
            "feeds/read.py",
            "feeds/snapshot.py",
            "feeds/sweep.py",
            "feeds/sync.py",
        },
        "each feed's way to turn a source and a state into steps; `feeds/read.py` chooses among them",
    ),
}
"""Names that several modules define because they play one role: a caller chooses the module. Which, and why."""

PRIVATE_WORDS = re.compile(r"(?<![a-z])(visit(s|ed)?|verdicts?|standing)(?![a-z])", re.IGNORECASE)
"""The field says attempt, result of a check, and status."""
STILL_PRIVATE = {
    "control/tables.py": "an SQL table of installations is named visits",
}
NOT_VERBS = {"Give", "Gives", "Tell", "Tells", "Say", "Says", "Returns"}


def public_names(path: Path) -> Iterator[str]:
    """Names that a module defines itself; what it imports is another's."""
    for node in ast.parse(path.read_text()).body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            targets = [ast.Name(node.name)]
        elif isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from (one.id for one in targets if isinstance(one, ast.Name) and not one.id.startswith("_"))


def modules_by_name() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for name in public_names(path):
            found.setdefault(name, set()).add(str(path.relative_to(PACKAGE)))
    return found


def test_no_public_name_has_two_meanings() -> None:
    twice = {name: modules for name, modules in modules_by_name().items() if len(modules) > 1}
    wrong = {name: sorted(modules - SAME_ROLE.get(name, (set(), ""))[0]) for name, modules in twice.items()}
    assert {name: modules for name, modules in wrong.items() if modules} == {}


def test_whatever_plays_one_role_is_there() -> None:
    names = modules_by_name()
    for name, (modules, role) in SAME_ROLE.items():
        assert role
        assert modules <= names[name]


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            if text:
                yield f"{path.relative_to(PACKAGE)}:{node.name}", text


def first_word(text: str) -> str:
    return text.split(maxsplit=1)[0].rstrip(",.:;")


def test_docstrings_begin_with_the_verb_of_pep_257() -> None:
    wrong = [
        where for path in PACKAGE.rglob("*.py") for where, text in docstrings(path) if first_word(text) in NOT_VERBS
    ]
    assert wrong == []


def test_nobody_reads_a_private_word_where_the_field_has_one() -> None:
    pages = [PACKAGE.parent / "README.md", *(PACKAGE.parent / "docs").glob("*.md")]
    modules = [path for path in PACKAGE.rglob("*.py") if str(path.relative_to(PACKAGE)) not in STILL_PRIVATE]
    assert len(pages) > 10
    found = {
        str(path): sorted({one[0] for one in PRIVATE_WORDS.finditer(path.read_text())}) for path in pages + modules
    }
    assert {path: words for path, words in found.items() if words} == {}


def test_whatever_is_excused_still_has_to_be() -> None:
    for name in STILL_PRIVATE:
        assert PRIVATE_WORDS.search((PACKAGE / name).read_text()), name
