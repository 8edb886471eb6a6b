"""What users chose for divisions, kept beside the warehouse: its file may go, and the choice with it.

The selection in the warehouse is what counts. This is offered back where it is gone; when, is decided elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from exact_assets.control.database import transaction
from exact_assets.control.tables import CHOICES


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen for a division."""

    is_enabled: bool
    start_year: int | None


class ChoiceStore:
    """The choices of one app at one site."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str) -> None:
        """Prepare; nothing is read."""
        self._engine = engine
        self._names = {"site": site, "client": client}
        self._mine = (CHOICES.c.site == site) & (CHOICES.c.client == client)

    def read(self) -> Mapping[int, Choice]:
        """Read the choices that were kept last, by division."""
        columns = [CHOICES.c.division, CHOICES.c.is_enabled, CHOICES.c.start_year]
        with transaction(self._engine) as connection:
            found = connection.execute(sa.select(*columns).where(self._mine)).all()
        return {division: Choice(is_enabled=enabled, start_year=year) for division, enabled, year in found}

    def keep(self, choices: Mapping[int, Choice]) -> None:
        """Put choices in the place of those before."""
        if self.read() == choices:
            return
        rows = [
            {**self._names, "division": division, "is_enabled": one.is_enabled, "start_year": one.start_year}
            for division, one in sorted(choices.items())
        ]
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(CHOICES).where(self._mine))
            if rows:
                connection.execute(sa.insert(CHOICES), rows)
