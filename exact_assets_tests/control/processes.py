"""Starts Python functions of the tests in processes of their own, as runs are."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a program text; `sys.argv[1:]` are the arguments."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def output_of(process: subprocess.Popen[str], *, timeout_seconds: float = 60) -> str:
    """Wait for its end, and return what it printed."""
    printed, problems = process.communicate(timeout=timeout_seconds)
    assert process.returncode == 0, problems
    return printed


def next_line(process: subprocess.Popen[str]) -> str:
    """Wait for a line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
