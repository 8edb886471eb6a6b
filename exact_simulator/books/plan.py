"""Turns endpoint facts, models and rules into shapes: one base table per kind of record. No SQL is run here."""

from collections import defaultdict
from dataclasses import dataclass

from exact_simulator.books import balance, deletions, divisions, human, ledger, master, open_items, orders, rules
from exact_simulator.books.draft import Draft
from exact_simulator.books.reference import target
from exact_simulator.books.rules import Years
from exact_simulator.books.shape import Model, Shape
from exact_simulator.books.sizes import Sizes
from exact_simulator.facts import Endpoint, load_endpoints


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every base table of the books, and which one each relation shows."""

    shapes: dict[str, Shape]
    counts: dict[str, int]
    """Rows per division; of tables made from headers, the number of headers."""
    by_relation: dict[str, str]
    """Base table by relation."""


def build_plan(sizes: Sizes, years: Years, *, is_hostile: bool) -> Plan:
    """Plan the books. The same arguments give the same plan."""
    models = {
        **master.models(sizes, years),
        **human.models(sizes),
        **ledger.models(sizes, is_hostile=is_hostile),
        **orders.models(sizes),
        **open_items.models(sizes, is_hostile=is_hostile),
        **balance.models(),
        **deletions.models(),
    }
    groups = _groups(models)
    numbers = {name: number for number, name in enumerate(sorted(groups), 1)}
    counts = {name: _count(name, groups[name], models.get(name, Model()), sizes, years) for name in groups}
    for name, group in groups.items():
        for item in group[0].key if group[0].kind == "function" else ():
            counts[name] = min(counts[name], counts.get(target(name, item.name) or "", counts[name]))
    drafts = {
        name: Draft(
            name=name,
            group=group,
            model=models.get(name, Model()),
            years=years,
            groups=groups,
            counts=counts,
            models=models,
            is_hostile=is_hostile,
        )
        for name, group in groups.items()
    }
    shapes: dict[str, Shape] = {}
    for name in sorted(groups, key=lambda name: _depth(name, models)):
        shapes[name] = drafts[name].shape(numbers[name], shapes)
    return Plan(
        shapes=shapes,
        counts=counts,
        by_relation={item.relation: name for name, group in groups.items() for item in group},
    )


def _depth(name: str, models: dict[str, Model]) -> int:
    header = models[name].header if name in models else None
    return 0 if header is None else 1 + _depth(header, models)


def _groups(models: dict[str, Model]) -> dict[str, tuple[Endpoint, ...]]:
    """Endpoints by base table: as the models say, else sync and bulk with the single endpoint of the same name."""
    given = {relation: name for name, model in models.items() for relation in model.endpoints}
    groups: dict[str, list[Endpoint]] = defaultdict(list)
    for item in load_endpoints():
        if "GET" in item.methods and item.relation not in divisions.RELATIONS:
            groups[given.get(item.relation) or _base(item)].append(item)
    return {name: tuple(group) for name, group in groups.items()}


def _base(item: Endpoint) -> str:
    if item.kind in {"sync", "bulk"} and item.relation.count("_") == 2:
        _, service, entity = item.relation.split("_")
        return f"{service.lower()}_{entity}"
    return item.relation


def _count(name: str, group: tuple[Endpoint, ...], model: Model, sizes: Sizes, years: Years) -> int:
    if model.count is not None:
        return model.count
    key = next((item.key for item in group if item.kind != "sync"), ())
    count = sizes.other(name)
    if key and not any(item.edm_type == "Edm.Guid" for item in key):
        if {item.name for item in key} & {"Division", "CurrentYear"}:
            return 1
        capacity = rules.key(key, years).capacity
        count = min(count, 4 if capacity is None else capacity)
    return count
