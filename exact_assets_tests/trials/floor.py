"""Prints the lowest versions that pyproject.toml allows, as constraints: `make test-floor` tests with them."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
OWN = "exact-assets"


def lowest(requirements: list[str]) -> Iterator[str]:
    """Yield `name==version` for each requirement that has a lowest version; pinned ones need none."""
    for text in requirements:
        requirement = Requirement(text)
        bounds = {one.operator: one.version for one in requirement.specifier}
        if ">=" in bounds and requirement.name != OWN:
            marker = f" ; {requirement.marker}" if requirement.marker else ""
            yield f"{requirement.name}=={bounds['>=']}{marker}"


def main() -> None:
    """Print them."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    # Of the tools that tests are run with, the versions of every day do.
    wanted = [*project["dependencies"], *project["optional-dependencies"]["simulator"]]
    sys.stdout.write("\n".join(lowest(wanted)) + "\n")


if __name__ == "__main__":
    main()
