"""What is known of Exact's endpoints: the data files in `facts/`, decoded.

Facts only: what an endpoint is and takes. What becomes of it (which endpoint a table is read from, what its
columns are called) is decided by the other modules here.

A property stands in the files as `"Name Type [key] [filter]"`: its Edm type without `Edm.`, whether it is part of
the entity's key, and whether Exact's reference marks it as one that `$filter` takes.
"""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """One property of an endpoint's rows."""

    name: str
    edm_type: str
    """`Edm.Guid` and so on; collections and complex types as Exact's reference names them."""
    is_key: bool
    is_marked: bool
    """Marked in Exact's reference as one that `$filter` takes."""

    @property
    def is_scalar(self) -> bool:
        """Whether it holds one value that a column can hold (binaries are always null when read)."""
        return self.edm_type.startswith("Edm.") and self.edm_type != "Edm.Binary"

    @property
    def collection_of(self) -> str | None:
        """The entity of which this holds rows, None for single values."""
        if not self.edm_type.startswith("Collection("):
            return None
        return self.edm_type.removeprefix("Collection(").removesuffix(")")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One address of Exact's REST API."""

    endpoint: str
    """URL path with `{division}` in it, where it has one; its case is Exact's."""
    kind: Literal["rest", "sync", "bulk", "function", "beta"]
    methods: tuple[str, ...]
    page_size: int
    deprecated: bool = False
    only_filters: tuple[str, ...] | None = None
    """The only properties that `$filter` takes, where the reference lists them."""
    parameters: tuple[str, ...] = ()
    declared: tuple[str, ...] = msgspec.field(name="properties", default=())
    """The properties, as in the file."""

    @property
    def properties(self) -> tuple[Property, ...]:
        """The properties of its rows, in Exact's order."""
        return tuple(_property(text) for text in self.declared)

    @property
    def path(self) -> str:
        """The address below the division, such as `sync/CRM/Accounts`."""
        return self.endpoint.rpartition("{division}/")[2]

    @property
    def service(self) -> str:
        """Exact's service in lower case: `crm`."""
        parts = self.path.split("/")
        if self.kind in {"sync", "bulk", "function"} and len(parts) > 2:
            return parts[1].lower()
        return parts[0].lower()

    @property
    def entity(self) -> str:
        """Exact's name of the entity: `Accounts`; the parts of a longer path are joined."""
        parts = self.path.split("/")
        own = 2 if self.kind in {"sync", "bulk", "function"} and len(parts) > 2 else 1
        return "".join(parts[own:])


@cache
def _property(text: str) -> Property:
    name, edm, *marks = text.split(" ")
    scalar = "(" not in edm and "." not in edm
    return Property(
        name=name,
        edm_type=f"Edm.{edm}" if scalar else edm,
        is_key="key" in marks,
        is_marked="filter" in marks,
    )


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Read all data files.

    Raises:
        msgspec.ValidationError: a file does not hold what it should.
    """
    return tuple(_read_all())


def _read_all() -> Iterator[Endpoint]:
    decoder = msgspec.json.Decoder(list[Endpoint])
    folder = files("exact_assets.catalogue") / "facts"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        yield from decoder.decode(file.read_bytes())
