"""`make release-check`: wheel and source distribution are complete, and do the main things in an empty environment.

Compares their files with what git has, installs each in an environment of its own, outside the checkout, and runs
what a user would run first.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("exact_assets", "exact_simulator")
FIRST_STEPS = (
    ("exact-assets", "--version"),
    ("exact-assets", "tables", "--json"),
    ("python", "-c", "from exact_assets import ExactOnlineComponent, build_defs; build_defs()"),
    ("python", "-m", "exact_simulator", "--help"),
)


def shell(*command: str | Path, folder: Path = CHECKOUT) -> str:
    """Run a command, and end with what it said where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def kept() -> set[str]:
    """Return the files of the packages that git has."""
    return set(shell("git", "ls-files", *PACKAGES).splitlines())


def files_of(artefact: Path) -> Iterator[str]:
    """Yield the files of the packages in a wheel or a source distribution."""
    if artefact.suffix == ".whl":
        with zipfile.ZipFile(artefact) as wheel:
            names = wheel.namelist()
    else:
        with tarfile.open(artefact) as archive:
            names = [name.partition("/")[2] for name in archive.getnames()]
    yield from (name for name in names if name.partition("/")[0] in PACKAGES and not name.endswith("/"))


def try_out(artefact: Path, folder: Path) -> None:
    """Install an artefact in an empty environment, and take the first steps."""
    venv.create(folder, with_pip=True)
    pip = folder / "bin" / "pip"
    constraints = CHECKOUT / "constraints.txt"
    what = f"exact-assets[simulator] @ {artefact.resolve().as_uri()}"
    shell(pip, "install", "--quiet", "--disable-pip-version-check", "--constraint", constraints, what)
    for command, *arguments in FIRST_STEPS:
        shell(folder / "bin" / command, *arguments, folder=folder)


def main() -> None:
    """Build, compare, install, try."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="a python that has hatchling")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        dist = Path(place) / "dist"
        shell(chosen.python, "-m", "hatchling", "build", "--directory", dist)
        artefacts = sorted(dist.iterdir())
        for artefact in artefacts:
            missing, more = kept() - set(files_of(artefact)), set(files_of(artefact)) - kept()
            if missing or more:
                sys.exit(f"{artefact.name}: missing {sorted(missing)}, more {sorted(more)}")
            try_out(artefact, Path(place) / artefact.name.replace(".", "_"))
            sys.stdout.write(f"{artefact.name}: complete, installed, {len(FIRST_STEPS)} commands run\n")
        if len(artefacts) != 2:
            sys.exit(f"built {[one.name for one in artefacts]}, not a wheel and a source distribution")


if __name__ == "__main__":
    main()
