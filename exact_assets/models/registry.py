"""All models there are, read from their files, and those that are chosen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from exact_assets.errors import SettingsError
from exact_assets.models.model import Model, parse_model

EVERY_MODEL, NO_MODEL = "default", "none"
_SETTING = "EXACT_MODELS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenModels:
    """The models that are made, and those that are chosen and cannot be."""

    made: tuple[Model, ...]
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By model: the tables that it needs and that are not kept."""


@cache
def models() -> Mapping[str, Model]:
    """Read all models, in order of name."""
    found = {
        path.name.removesuffix(".sql"): path.read_text(encoding="utf-8")
        for path in (files("exact_assets.models") / "sql").iterdir()
        if path.name.endswith(".sql")
    }
    return {name: parse_model(name, found[name]) for name in sorted(found)}


def chosen_models(spec: str | None, *, kept: Collection[str]) -> ChosenModels:
    """Choose models.

    Terms are separated by commas and worked off from left to right: `default` (all), `none`, names and globs; a
    minus before a term takes its models out. A choice that begins with a minus begins with all.

    Args:
        spec: the choice; None or empty: all.
        kept: names of the tables that are kept.

    Raises:
        SettingsError: a term names nothing; the message has the nearest right one.
    """
    terms = [term.strip().lower() for term in (spec or "").split(",") if term.strip()]
    if not terms or terms[0].startswith("-"):
        terms.insert(0, EVERY_MODEL)
    chosen: set[str] = set()
    for term in terms:
        named = _named(term.removeprefix("-").strip())
        chosen = chosen - named if term.startswith("-") else chosen | named
    lacking = {
        name: missing
        for name, model in models().items()
        if name in chosen and (missing := tuple(table for table in model.required if table not in kept))
    }
    made = tuple(model for name, model in models().items() if name in chosen and name not in lacking)
    return ChosenModels(made=made, lacking=lacking)


def _named(term: str) -> set[str]:
    if term == NO_MODEL:
        return set()
    found = {name for name in models() if term == EVERY_MODEL or fnmatchcase(name, term)}
    if not found:
        near = get_close_matches(term, [*models(), EVERY_MODEL, NO_MODEL], n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(models())}."
        raise SettingsError(f"{_SETTING}: there is no model {term!r}.{hint}")
    return found
