"""Child processes that end when the demo ends: each leads a group of its own, which is stopped by its id."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from exact_assets.config import child_environment
from exact_assets.errors import DemoError

STOP_SECONDS = 15


@contextlib.contextmanager
def running(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m …` for the length of a `with`, its output going to a log file."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env=child_environment(**environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, with all it started; insist after a while."""
    for ask in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            # Dagster's own children end with their parent when that one is asked; the group is for the insistence.
            (os.kill if ask is signal.SIGTERM else os.killpg)(process.pid, ask)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def free_port(preferred: int | None = None) -> int:
    """Find a free port on loopback, the preferred one where it is free."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise DemoError("there is no free port on 127.0.0.1")


def wait_for(
    what: str, is_there: Iterator[bool], *, process: subprocess.Popen[bytes], log: Path, timeout_seconds: float
) -> None:
    """Wait until a started process answers.

    Raises:
        DemoError: it ended, or did not answer in time; the end of its log is in the message.
    """
    deadline = time.monotonic() + timeout_seconds
    for answered in is_there:
        if answered:
            return
        if process.poll() is not None or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    tail = log.read_text(errors="replace")[-2000:]
    raise DemoError(f"{what} did not start; the end of {log}:\n{tail}")
