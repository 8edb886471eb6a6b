"""The language in which tables are chosen: names, entities, groups, globs, `all`, `default`, and minus."""

from difflib import get_close_matches
from fnmatch import fnmatchcase

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.renames import former_tables
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables
from exact_assets.errors import SettingsError


def select(spec: str | None, *, setting: str = "EXACT_TABLES") -> tuple[Table, ...]:
    """Choose tables; None or empty is the default selection.

    Terms are separated by commas and worked off from left to right; a minus before a term takes its tables out.
    A spec that starts with a minus starts from the default selection. Upper and lower case are the same.

    - `crm_accounts`: a table; `transaction_lines`: every table of that entity, whatever its service
    - `crm`: all tables of a group
    - `crm/*`, `crm/acc*`, `crm_*`, `*lines`: globs over group/entity or table name
    - `all`, `default`

    Names that earlier versions gave to tables choose them too.

    Raises:
        SettingsError: a term names nothing; the message has the nearest right one. Or nothing is left.
    """
    terms = [term.strip().lower() for term in (spec or "").split(",") if term.strip()]
    if not terms or terms[0].startswith("-"):
        terms.insert(0, "default")
    chosen: set[str] = set()
    for term in terms:
        names = matching(term.removeprefix("-").strip(), setting=setting)
        chosen = chosen - names if term.startswith("-") else chosen | names
    if not chosen:
        raise SettingsError(f"{setting} {spec!r} leaves no table to read: name at least one.")
    return tuple(table for name, table in tables().items() if name in chosen)


def with_deletion_log(chosen: tuple[Table, ...]) -> tuple[Table, ...]:
    """Add Exact's deletion log where it may name rows of the chosen tables."""
    if any(table.name == LOG for table in chosen) or not any(table.entity_types for table in chosen):
        return chosen
    return (*chosen, tables()[LOG])


def matching(term: str, *, setting: str = "EXACT_TABLES") -> set[str]:
    """Return the names of the tables that one term, in lower case, chooses.

    Raises:
        SettingsError: none; the message names the setting and the nearest right term.
    """
    names = {name for name, table in tables().items() if _fits(table, term)}
    if not names:
        raise SettingsError(f"{setting}: there is no table, group or pattern {term!r}.{_hint(term)}")
    return names


def _fits(table: Table, term: str) -> bool:
    if term in {"all", table.group} or (term == "default" and table.is_default):
        return True
    return any(_is_called(table, name, term) for name in (table.name, *former_tables(table.name)))


def _is_called(table: Table, name: str, term: str) -> bool:
    entity = _entity(table, name)
    if term in {name, entity, f"{table.group}/{entity}"}:
        return True
    if not any(character in term for character in "*?["):
        return False
    return fnmatchcase(f"{table.group}/{entity}" if "/" in term else name, term)


def _entity(table: Table, name: str) -> str:
    return name.removeprefix(f"{table.group}_")


def _hint(term: str) -> str:
    known = {"all", "default"}
    for table in tables().values():
        known |= {table.name, table.group, _entity(table, table.name)}
    near = get_close_matches(term, sorted(known), n=1, cutoff=0.5)
    if near:
        return f" Did you mean {near[0]!r}?"
    groups = sorted({table.group for table in tables().values()})
    return f" The groups are {', '.join(groups)}; docs/tables.md has more."
