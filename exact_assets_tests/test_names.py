"""One public name, one meaning in the whole package; docstrings begin with the verb of PEP 257."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "exact_assets"

SAME_ROLE = {
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

TO_BE_TOLD_APART = {
    "BATCH_DIVISIONS": {"defs"},
    "DIVISIONS": {"defs", "demo", "warehouse"},
    "DIVISIONS_AT_ONCE": {"planning", "selection"},
    "Decision": {"defs"},
    "EVERYTHING": {"defs"},
    "LOOK_SECONDS": {"defs"},
    "Memory": {"defs"},
    "TIMESTAMP": {"warehouse"},
    "Verdict": {"selection", "warehouse"},
    "decide": {"defs"},
    "describe": {"catalogue", "defs"},
    "look": {"defs", "selection"},
    "purge": {"cli", "selection", "warehouse"},
    "read": {"warehouse"},
    "refresh": {"cli", "control", "warehouse"},
    "report": {"demo", "warehouse"},
    "restore": {"cli", "selection"},
    "tables": {"catalogue", "cli", "planning"},
}
"""Names with two meanings that are still there, with the parts that define them. It may only shrink."""

SPEAK_OTHERWISE = {"catalogue", "checks", "control", "defs", "demo", "planning", "selection", "warehouse"}
"""Parts of which some docstrings still begin with another word. It may only shrink."""
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
    wrong = {
        name: sorted(
            module
            for module in modules - SAME_ROLE.get(name, (set(), ""))[0]
            if module.split("/")[0] not in TO_BE_TOLD_APART.get(name, set())
        )
        for name, modules in twice.items()
    }
    assert {name: modules for name, modules in wrong.items() if modules} == {}


def test_whatever_plays_one_role_is_there() -> None:
    names = modules_by_name()
    for name, (modules, role) in SAME_ROLE.items():
        assert role
        assert modules <= names[name]


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield f"{path.relative_to(PACKAGE)}:{node.name}", text


def test_docstrings_begin_with_the_verb_of_pep_257() -> None:
    wrong = [
        where
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in SPEAK_OTHERWISE
        for where, text in docstrings(path)
        if text.split()[0] in NOT_VERBS
    ]
    assert wrong == []
