"""A faithful copy of Exact Online in a data warehouse, as Dagster assets.

Importing this has no effects and imports no Dagster: what is named here is loaded when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exact_assets.build import build_defs
    from exact_assets.component import ExactOnlineComponent
    from exact_assets.config import ExactConfig
    from exact_assets.defs.assets import TableRun
    from exact_assets.defs.partitions import DIVISIONS, grid
    from exact_assets.defs.resources import ExactSession
    from exact_assets.defs.translator import ExactModelProps, ExactTableProps, ExactTranslator
    from exact_assets.documents.access import open_documents

__all__ = [
    "DIVISIONS",
    "ExactConfig",
    "ExactModelProps",
    "ExactOnlineComponent",
    "ExactSession",
    "ExactTableProps",
    "ExactTranslator",
    "TableRun",
    "build_defs",
    "grid",
    "open_documents",
]

_PLACES = {
    "DIVISIONS": "exact_assets.defs.partitions",
    "ExactConfig": "exact_assets.config",
    "ExactModelProps": "exact_assets.defs.translator",
    "ExactOnlineComponent": "exact_assets.component",
    "ExactSession": "exact_assets.defs.resources",
    "ExactTableProps": "exact_assets.defs.translator",
    "ExactTranslator": "exact_assets.defs.translator",
    "TableRun": "exact_assets.defs.assets",
    "build_defs": "exact_assets.build",
    "grid": "exact_assets.defs.partitions",
    "open_documents": "exact_assets.documents.access",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
