"""Answers that no simulator makes cost one division at most, with an error of ours, and nothing for good."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from exact_assets.catalogue import select
from exact_assets.config import ExactConfig
from exact_assets.control.connect import begin, finish
from exact_assets.control.open import Control
from exact_assets.errors import UnforeseenError
from exact_assets.replicate import replicate
from exact_assets.request import Outcome, Request
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.comparison import differences
from exact_assets_tests.exact.damaging import Damage, Damaging, Passed, damaging
from exact_assets_tests.installation import Installation, installation

GOOD, ODD = 100001, 100002
TABLE = select("crm_accounts")[0]
NESTED = "[" * 2_000 + "]" * 2_000
DIGITS = "9" * 20
UNLIMITED = {"minute_limit": 100_000, "day_limit": 1_000_000}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("damaged"), divisions=2, rows=20, settings=UNLIMITED) as made:
        yield made


@pytest.fixture(scope="module")
def between(place: Installation) -> Iterator[Damaging]:
    with damaging(place.simulator.base_url) as made:
        control = Control.open(config_of(place, made))
        finish(control, httpx.get(begin(control), follow_redirects=False).headers["location"])
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_remembered(
    place: Installation, between: Damaging, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setattr("exact_assets.exact.sender.BACKOFF_SECONDS", 0.01)
    yield
    between.damages.clear()
    with closing(sqlite3.connect(place.folder / "control.sqlite")) as connection, connection:
        for name in ("refusals", "storms", "quotas", "clocks"):
            connection.execute(f"DELETE FROM {name}")


def config_of(place: Installation, between: Damaging) -> ExactConfig:
    return place.config.model_copy(update={"base_url": between.base_url})


def load(place: Installation, between: Damaging, file: Path) -> Mapping[int, Outcome]:
    control = Control.open(config_of(place, between))
    request = Request(start_year=place.config.start_year)

    async def work() -> Mapping[int, Outcome]:
        async with control.client() as client, asyncio.timeout(30):
            return await replicate(
                TABLE,
                {GOOD: request, ODD: request},
                client=client,
                warehouse=open_warehouse(f"duckdb:///{file}"),
                leases=control,
            )

    return asyncio.run(work())


def following(link: Callable[[str], Any]) -> Callable[[str], Damage]:
    """Make the link to the next page of the site's address."""
    return lambda site: lambda passed: passed.holding({"results": rows_of(passed), "__next": link(site)})


def valued(name: str, text: str) -> Callable[[str], Damage]:
    """Put JSON in the place of a property's value in the first row."""

    def damage(passed: Passed) -> Passed:
        rows = rows_of(passed)
        rows[0][name] = "@"
        return passed.with_body(json.dumps({"d": rows}).replace('"@"', text).encode())

    return lambda _: damage


def headed(name: str, value: str) -> Callable[[str], Damage]:
    return lambda _: lambda passed: passed.with_header(name, value)


def bodied(text: str, status: int = 200) -> Callable[[str], Damage]:
    return lambda _: lambda passed: replace(passed.with_body(text.encode()), status=status)


def rows_of(passed: Passed) -> list[dict[str, Any]]:
    held = passed.held
    rows: list[dict[str, Any]] = held if isinstance(held, list) else held["results"]
    return rows


LINKS: Mapping[str, Callable[[str], Any]] = {
    "a line feed": lambda site: f"{site}/api/v1/{ODD}/x\n?$skiptoken=1",
    "70,000 characters": lambda site: f"{site}/{'a' * 70_000}",
    "half an IPv6 address": lambda _: "http://[::1/x",
    "a host that is none": lambda _: "http://℀.nl/",
    "a port that is none": lambda _: "http://127.0.0.1:99999/",
    "a surrogate": lambda site: f"{site}/\ud800",
    "a number": lambda _: 42,
    "an object": lambda _: {"uri": "x"},
    "a path": lambda _: f"/api/v1/{ODD}/x",
    "a long division": lambda site: f"{site}/api/v1/{'9' * 5_000}/x",
}
HEADERS = {
    "a date in 9999": ("Date", "Fri, 31 Dec 9999 23:59:59 GMT"),
    "a date of 4,500 digits": ("Date", f"Thu, 26 Nov {'9' * 4_500} 08:00:00 GMT"),
    "a zone of 100 hours": ("Date", "Thu, 26 Nov 2026 08:00:00 -9999"),
    "no date": ("Date", "soon"),
    "a limit of 20 digits": ("X-RateLimit-Limit", DIGITS),
    "a limit without end": ("X-RateLimit-Minutely-Limit", "1e400"),
    "a limit of 5,000 digits": ("X-RateLimit-Limit", "9" * 5_000),
    "a rest that is no number": ("X-RateLimit-Minutely-Remaining", "nan"),
    "a reset of 20 digits": ("X-RateLimit-Reset", DIGITS),
    "a reset before all time": ("X-RateLimit-Minutely-Reset", f"-{DIGITS}"),
    "a long reason": ("Reason", "x" * 60_000),
    "an unknown encoding": ("Content-Encoding", "br"),
}
BODIES = {
    "2,000 nested lists": NESTED,
    "nested rows": f'{{"d":{{"results":{NESTED}}}}}',
    "a nested link": f'{{"d":{{"results":[],"__next":{NESTED}}}}}',
    "a nested value": f'{{"d":{{"results":[{{"ID":{NESTED}}}]}}}}',
    "a nested value that nobody asked for": f'{{"d":{{"results":[{{"More":{NESTED}}}]}}}}',
    "100,000 brackets": "[" * 100_000,
    "a null": "null",
    "rows that are null": '{"d":{"results":[null]}}',
    "rows that are lists": '{"d":{"results":[[]]}}',
    "rows that are numbers": '{"d":[1,2]}',
    "a text": '{"d":"x"}',
    "surrogates": '{"d":{"results":[{"ID":"\\ud800"}]}}',
    "6,000 digits": f'{{"d":{{"results":[{{"Timestamp":{"9" * 6_000}}}]}}}}',
    "an exponent of 600 digits": f'{{"d":{{"results":[{{"Timestamp":1e{"9" * 600}}}]}}}}',
    "20,000 properties": f'{{"d":[{{{",".join(f"{chr(34)}k{n}{chr(34)}:{n}" for n in range(20_000))}}}]}}',
}
VALUES = {
    f"{name} {text[:20]}": (name, text)
    for name, texts in {
        "ID": ("null", '"\\ud800"', '"x"', "[]", DIGITS),
        "Timestamp": ("null", DIGITS, "-1", "1e999", '"inf"', "true"),
        "Created": (
            '"/Date(253402300799999)/"',
            f'"/Date({DIGITS})/"',
            '"/Date(-62135596800000)/"',
            '"soon"',
            "{}",
        ),
        "Modified": ('"/Date(253402300799999)/"', '"/Date(-62135596800000)/"'),
        "CreditLineSales": ("1e999", "NaN", "9" * 5_000, NESTED),
        "Name": ('"\\u0000"', '"\\ud800"', NESTED, '{"__deferred":{"uri":"x"}}'),
        "AccountManagerHID": ("2147483648", "1.5", '"1_000"'),
        "Blocked": ("2", '"perhaps"'),
        "Division": ("null", DIGITS, '"x"'),
    }.items()
    for text in texts
}
CASES: Mapping[str, Callable[[str], Damage]] = {
    **{f"a link of {name}": following(link) for name, link in LINKS.items()},
    **{f"a header with {name}": headed(*header) for name, header in HEADERS.items()},
    **{f"a body of {name}": bodied(text) for name, text in BODIES.items()},
    **{f"a refusal of {name}": bodied(text, 400) for name, text in list(BODIES.items())[:2]},
    **{f"the value {name}": valued(*value) for name, value in VALUES.items()},
}


@pytest.fixture(scope="module")
def file(place: Installation, between: Damaging) -> Path:
    """One warehouse for all: each answer is damaged as one that tells of changes."""
    path = place.folder / "one.duckdb"
    assert [one.error for one in load(place, between, path).values()] == [None, None]
    return path


@pytest.mark.parametrize("name", CASES)
def test_an_answer_costs_its_division_at_most_and_nothing_for_good(
    place: Installation, between: Damaging, file: Path, name: str
) -> None:
    between.damages[f"/{ODD}/sync/CRM/Accounts"] = CASES[name](between.base_url)
    outcomes = load(place, between, file)
    assert outcomes[GOOD].error is None
    assert not isinstance(outcomes[ODD].error, UnforeseenError), "each of these is to be foreseen"
    between.damages.clear()
    assert [one.error for one in load(place, between, file).values()] == [None, None]
    # A value that fits is what Exact says.
    for division in (GOOD,) if outcomes[ODD].error is None else (GOOD, ODD):
        assert not differences(
            file, TABLE, division, place.truth(TABLE, division), start_year=place.config.start_year
        )


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("a header")])
def test_what_a_header_says_closes_no_gate_for_longer_than_its_window(
    place: Installation, between: Damaging, file: Path, name: str
) -> None:
    between.damages[f"/{ODD}/sync/CRM/Accounts"] = CASES[name](between.base_url)
    assert load(place, between, file)[GOOD].error is None
    quota = Control.open(config_of(place, between)).ledger.quota(ODD)
    now = datetime.now(UTC)
    for window, most in ((quota.minute, timedelta(minutes=1)), (quota.day, timedelta(days=1))):
        assert window.resets_at is None or window.resets_at <= now + most + timedelta(seconds=2)
