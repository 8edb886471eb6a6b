"""Decides the columns of one base table: what a model says, else references and rules. No SQL is run here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from exact_simulator.books import plain, rules
from exact_simulator.books.reference import derived, target
from exact_simulator.books.rules import Years
from exact_simulator.books.shape import Model, Reference, Shape, through
from exact_simulator.books.sql import draw, guid
from exact_simulator.facts import Endpoint, Property, load_endpoints

_IDENTITIES = ("ID", "EntryID", "StockTransactionId", "Id")


@dataclass
class Draft:
    """One base table while its columns are decided."""

    name: str
    group: tuple[Endpoint, ...]
    model: Model
    years: Years
    groups: dict[str, tuple[Endpoint, ...]]
    counts: dict[str, int]
    models: dict[str, Model]
    is_hostile: bool
    columns: dict[str, str] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)

    def shape(self, number: int, shapes: dict[str, Shape]) -> Shape:
        """Decide. `shapes` holds those of the headers already."""
        header = shapes[self.model.header] if self.model.header else None
        is_dated = self.model.is_dated
        if is_dated is None:
            is_dated = any(rules.is_business_date(item) for endpoint in self.group for item in endpoint.properties)
        if self.identity:
            self.columns[self.identity] = guid(number)
        self.columns.update(self.model.stored)
        if self.model.source == "lines":
            self.columns["_header"] = "_n"
            self.references["_header"] = Reference(table=str(self.model.header))
        for name, reference in self.model.refers.items():
            if reference is not None and reference.expression is not None:
                self._refer(name, reference)
        self._keys()
        for endpoint in self.group:
            for item in endpoint.properties:
                if item.edm_type == "Edm.Guid" and endpoint.relation not in self.model.merged:
                    self._property(endpoint, item)
        shown = {item.relation: self._shown(item, header) for item in self.group}
        return Shape(
            name=self.name,
            number=number,
            identity=self.identity,
            endpoints=self.group,
            columns=self.columns,
            references=self.references,
            shown=shown,
            model=self.model,
            is_dated=is_dated,
        )

    @cached_property
    def identity(self) -> str | None:
        """Column with the GUID of the rows; None: their key is something else."""
        for endpoint in sorted(self.group, key=lambda item: item.kind != "rest"):
            if endpoint.kind != "sync" and len(endpoint.key) == 1 and endpoint.key[0].edm_type == "Edm.Guid":
                name = endpoint.key[0].name
                return None if self._is_reference_key(name) else name
        names = {
            item.name for endpoint in self.group for item in endpoint.properties if item.edm_type == "Edm.Guid"
        }
        return next((name for name in _IDENTITIES if name in names), None)

    def _is_reference_key(self, name: str) -> bool:
        """Whether a function's rows are keyed by the record they speak of, such as `AccountId`."""
        return self.group[0].kind == "function" and target(self.name, name) is not None

    def _keys(self) -> None:
        """Columns of keys that are not GUIDs of the rows' own."""
        for endpoint in self.group:
            own = tuple(item for item in endpoint.key if item.name not in {self.identity, "Timestamp"})
            for name, value in rules.key(own, self.years).parts.items():
                table = target(self.name, name)
                if endpoint.by_name[name].edm_type == "Edm.Guid" and table in self.groups:
                    self._refer(name, Reference(table=str(table), expression=value))
                elif name not in self.columns and name not in self.model.shown:
                    self.columns[name] = value

    def _shown(self, endpoint: Endpoint, header: Shape | None) -> dict[str, str]:
        shown = {}
        merged = endpoint.relation in self.model.merged
        own = self._own_names() if merged else frozenset[str]()
        for item in endpoint.properties:
            if header is not None and merged and item.name not in own:
                found = next((each[item.name] for each in header.shown.values() if item.name in each), None)
                if found is not None:
                    shown[item.name] = through("_header", found)
                    continue
            shown[item.name] = self._property(endpoint, item)
        return shown

    def _own_names(self) -> frozenset[str]:
        """Properties that a line has of its own."""
        plain = {
            item.name
            for endpoint in self.group
            if endpoint.relation not in self.model.merged
            for item in endpoint.properties
        }
        return frozenset(plain | set(self.model.shown) | set(self.model.stored) | {"ID", "Created", "Modified"})

    def _property(self, endpoint: Endpoint, item: Property) -> str:
        name = item.name
        known = self.model.shown.get(f"{endpoint.relation}:{name}") or self.model.shown.get(name)
        if known is not None:
            return known
        if name == "Division":
            return "@._division"
        if name in self.references and item.edm_type == "Edm.Guid":
            return self._referred(name, self.references[name])
        if name in {"Timestamp", "Created", "Modified"} or (name in self.columns and self._holds(item)):
            return f"@.{name}"
        return self._by_rule(item)

    def _by_rule(self, item: Property) -> str:
        name = item.name
        table = self._table(item)
        if table is not None:
            self._refer(name, self._reference(name, table))
            return self._referred(name, self.references[name])
        if item.edm_type in {"Edm.String", "Edm.Int32"}:
            found = self._described(item)
            if found is not None:
                return found
        if self.model.is_lean or not item.edm_type.startswith("Edm.") or item.edm_type == "Edm.Binary":
            return "NULL"
        parts = () if self.is_hostile else plain.TOTALS.get(name, ())
        if parts and all(part in endpoint.by_name for endpoint in self.group for part in parts):
            return f"round({'+'.join(f'@.{part}' for part in parts)},2)"
        column = name if self._is_free(item) else f"{name}_{item.edm_type[4:]}"
        self._store(column, rules.expression(self.name, item, self.years, is_hostile=self.is_hostile))
        return f"@.{column}"

    def _table(self, item: Property) -> str | None:
        """Base table that a GUID refers to by its name; None: none, none with rows, or a model says otherwise."""
        if item.edm_type != "Edm.Guid" or item.name in self.model.refers or self.model.is_lean:
            return None
        table = target(self.name, item.name)
        return table if table in self.groups and self.counts[str(table)] else None

    def _holds(self, item: Property) -> bool:
        """Whether the column of this name is of the property's type."""
        if item.name == self.identity:
            return item.edm_type == "Edm.Guid"
        return item.name in self.model.stored or item.is_key or self._is_free(item)

    def _is_free(self, item: Property) -> bool:
        """Whether a column of this name can hold the property: the same name has another type in some endpoints."""
        first = next(each.by_name[item.name] for each in self.group if item.name in each.by_name)
        return first.edm_type == item.edm_type and item.name not in self.references and item.name != self.identity

    def _described(self, item: Property) -> str | None:
        """`AccountName` as the name of the record that `Account` refers to."""
        found = derived(item.name, [name for name in self.references if not name.startswith("_")])
        if found is None:
            return None
        reference, names = found
        table = self.references[reference].table
        for name in names:
            for endpoint in self.groups[table]:
                there = endpoint.by_name.get(name)
                if there and there.edm_type == item.edm_type:
                    known = self.models[table].shown.get(name) if table in self.models else None
                    return through(reference, known or f"@.{name}")
        return None

    def _reference(self, name: str, table: str) -> Reference:
        """A reference by rule: people are always known, others mostly, lines go round their headers."""
        count = self.counts[table]
        if name in {"Creator", "Modifier"}:
            return Reference(table=table, expression=f"1+{draw(name, max(1, count - 1))}")
        if (self.name, name) in PARENTS or name in {"Account", "Item", "Project", "Employee", "Warehouse"}:
            return Reference(table=table, expression=f"1+(n-1)%{count}")
        chosen = f"1+{draw(name, count)}"
        return Reference(table=table, expression=f"CASE WHEN {draw(name + '?', 3)}>0 THEN {chosen} END")

    def _referred(self, name: str, reference: Reference) -> str:
        column = reference.shown or _identity_of(self.groups[reference.table])
        return f"@{name}.{column}"

    def _refer(self, name: str, reference: Reference) -> None:
        self.references[name] = reference
        self._store(name, f"(:d<<32)+({reference.expression})")

    def _store(self, column: str, expression: str) -> None:
        """Keep a column; by rule, lines that are the header or the VAT have nothing but their amount."""
        if column not in self.columns:
            is_detail = self.model.line_numbers and column not in self.model.refers
            self.columns[column] = f"CASE WHEN i BETWEEN 1 AND 6 THEN {expression} END" if is_detail else expression


def _identity_of(group: Iterable[Endpoint]) -> str:
    for endpoint in group:
        if endpoint.kind != "sync" and len(endpoint.key) == 1:
            return endpoint.key[0].name
    return "ID"


PARENTS = {
    (endpoint.relation, str(link.foreign_key))
    for parent in load_endpoints()
    for link in parent.navigations
    for endpoint in load_endpoints()
    if link.target == endpoint.path
}
"""Lines and the property that holds their header."""
