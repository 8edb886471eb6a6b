"""The business models in any engine: each method opens the warehouse for itself."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from exact_assets.models.model import Model
from exact_assets.warehouse.connection import Engine
from exact_assets.warehouse.models import BuiltModel, build_model, models_holding, purge_models
from exact_assets.warehouse.session import Sessions


class SqlModelStore:
    """Implements `protocol.ModelStore`."""

    def __init__(self, engine: Engine, *, is_soft: bool, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)
        self._is_soft = is_soft
        self._now = now

    def build_model(self, model: Model, divisions: Collection[int], *, kept: Collection[str]) -> BuiltModel:
        """Build some divisions at a time."""
        return build_model(self._sessions, model, divisions, kept=kept, at=self._now(), is_soft=self._is_soft)

    def model_names(self, divisions: Collection[int]) -> tuple[str, ...]:
        """Look into each model at one opening."""
        if not self._engine.exists:
            return ()
        return tuple(self._sessions.read(lambda connection: models_holding(connection, divisions)))

    def purge_models(self, divisions: Collection[int]) -> Mapping[str, int]:
        """Delete in one transaction."""
        if not self.model_names(divisions):
            return {}
        return self._sessions.change(lambda connection: purge_models(connection, divisions), divisions=divisions)
