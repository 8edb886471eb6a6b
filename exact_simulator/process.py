"""Starts a simulator as a process of its own, and ends it. For tests and the demo."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exact_simulator.control import Control

CLIENT_ID = "c7f3a9d2-51be-4c0e-9b6d-2f1e8a4d7c35"
CLIENT_SECRET = "not-a-secret"  # noqa: S105 - nothing real is behind it
REDIRECT_URI = "http://localhost:8735/callback"
_LISTENING = re.compile(r"listening on (http://\S+)")


class SimulatorError(Exception):
    """The simulator did not start; its own words are in the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """A running simulator."""

    base_url: str
    control: Control
    pid: int
    client_id: str
    client_secret: str
    redirect_uri: str


@contextmanager
def start(
    *,
    divisions: int | Sequence[int] = 3,
    years: tuple[int, int] = (2022, 2026),
    rows: int = 1000,
    seed: int = 1,
    client_id: str = CLIENT_ID,
    client_secret: str = CLIENT_SECRET,
    redirect_uri: str = REDIRECT_URI,
    data: str | os.PathLike[str] | None = None,
    port: int = 0,
    strict: bool = False,
    is_hostile: bool = True,
    settings: dict[str, Any] | None = None,
) -> Iterator[Simulator]:
    """Run a simulator for as long as the block lasts; it also ends when this process does, on Linux.

    `settings` are switches of `exact_simulator.settings`: limits, token lifetime, shapes.

    Raises:
        SimulatorError: it ended before it listened.
    """
    listed = str(divisions) if isinstance(divisions, int) else ",".join(map(str, divisions))
    options = {
        "--port": port,
        "--divisions": listed,
        "--years": f"{years[0]}-{years[1]}",
        "--rows": rows,
        "--seed": seed,
        "--client-id": client_id,
        "--client-secret": client_secret,
        "--redirect-uri": redirect_uri,
        "--die-with-parent": os.getpid(),
    } | ({} if data is None else {"--data": os.fspath(data)})
    command = [sys.executable, "-m", "exact_simulator", *(str(word) for pair in options.items() for word in pair)]
    flags = [*(["--strict"] if strict else []), *(["--hostile"] if is_hostile else [])]
    process = subprocess.Popen(  # noqa: S603 - our own module
        [*command, *flags], stdout=subprocess.PIPE, text=True, env=_environment()
    )
    try:
        base_url = _base_url(process)
        with Control(base_url) as control:
            if settings:
                control.set(**settings)
            yield Simulator(
                base_url=base_url,
                control=control,
                pid=process.pid,
                client_id=client_id,
                client_secret=client_secret,
                redirect_uri=redirect_uri,
            )
    finally:
        _end(process)


def _environment() -> dict[str, str]:
    """Let the process find this package, wherever it is started from."""
    root = str(Path(__file__).resolve().parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def _base_url(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says where it listens."""
    line = process.stdout.readline() if process.stdout is not None else ""
    match = _LISTENING.search(line)
    if match is None:
        raise SimulatorError(f"the simulator ended with code {process.wait()} before it listened: {line.strip()}")
    return match[1]


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
