"""One simulator for all tests of this folder, put back to its first state before each."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from exact_simulator.process import Simulator, start

Get = Callable[..., httpx.Response]
FIRST, SECOND, THIRD = 100001, 100002, 100003


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Start it once; quota does not matter where it is not the point."""
    with start(divisions=3, years=(2024, 2026), rows=150) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """Give the simulator as it was at the start, but for rows that tests have changed."""
    running.control.reset()
    running.control.set(minute_limit=100_000, day_limit=100_000)
    return running


@pytest.fixture
def api(simulator: Simulator) -> Iterator[httpx.Client]:
    """Give a client with a good token, which asks for JSON."""
    headers = {
        "Authorization": f"Bearer {simulator.control.tokens()['access_token']}",
        "Accept": "application/json",
    }
    with httpx.Client(base_url=simulator.base_url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def get(api: httpx.Client) -> Get:
    """Give a function that gets a path below the first division."""

    def ask(path: str, **headers: str) -> httpx.Response:
        return api.get(f"/api/v1/{FIRST}/{path}", headers=headers)

    return ask


def inside(answer: httpx.Response) -> Any:
    """Give what is in `d`, of an answer that must be good."""
    assert answer.status_code == 200, answer.text
    return answer.json()["d"]


def chain(api: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Follow a chain of pages to its end."""
    rows: list[dict[str, Any]] = []
    link: str | None = path
    while link is not None:
        page = inside(api.get(link))
        rows += page if isinstance(page, list) else page["results"]
        link = None if isinstance(page, list) else page.get("__next")
    return rows


def message(answer: httpx.Response) -> str:
    """Give the text of an error envelope."""
    error = answer.json()["error"]
    assert error["code"] == ""
    return str(error["message"]["value"])
