"""What `dg scaffold defs exact_assets.ExactOnlineComponent` writes: a YAML that loads, and asks for no secrets."""

from typing import Any

import dagster as dg
import yaml
from pydantic import BaseModel, Field, field_validator

from exact_assets.config import ExactConfig, problem_with
from exact_assets.defs.internals import ComponentDumper

SECRETS = ["EXACT_CLIENT_ID", "EXACT_CLIENT_SECRET"]
DEFS_FILE = "defs.yaml"


class ExactOnlineScaffoldParams(BaseModel):
    """What may be said on the command line, so that the first YAML is one's own."""

    country: str = Field(default="nl", description=ExactConfig.model_fields["country"].description)
    start_year: int | None = Field(default=None, description=ExactConfig.model_fields["start_year"].description)
    tables: str | None = Field(default=None, description=ExactConfig.model_fields["tables"].description)
    warehouse_url: str | None = Field(
        default=None, description=ExactConfig.model_fields["warehouse_url"].description
    )

    @field_validator("country", "start_year", "tables", "warehouse_url")
    @classmethod
    def _makes_sense(cls, value: Any, info: Any) -> Any:
        problem = None if value is None else problem_with(info.field_name, value)
        if problem is not None:
            raise ValueError(problem)
        return value


class ExactOnlineScaffolder(dg.Scaffolder[ExactOnlineScaffoldParams]):
    """Writes `defs.yaml`."""

    @classmethod
    def get_scaffold_params(cls) -> type[ExactOnlineScaffoldParams]:
        """Return what may be said on the command line."""
        return ExactOnlineScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ExactOnlineScaffoldParams]) -> None:
        """Write the file, or append to it another instance."""
        attributes = request.params.model_dump(exclude_none=True)
        if request.scaffold_format != "yaml":
            dg.scaffold_component(request, attributes)
            return
        document = {"type": request.type_name, "attributes": attributes, "requirements": {"env": SECRETS}}
        path = request.target_path if request.append else request.target_path / DEFS_FILE
        with path.open("a" if request.append else "w", encoding="utf-8") as file:
            file.write("---\n" if request.append else "")
            yaml.dump(document, file, Dumper=ComponentDumper, sort_keys=False, default_flow_style=False)
