"""Data in what is shown: no markup of a row's own reaches a page, and no secret a repr."""

import gc
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from exact_assets.checks.result import CheckResult, CheckStatus
from exact_assets.config import ExactConfig, _environment_model
from exact_assets.control.open import Control
from exact_assets.defs.check_results import asset_check_result
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.resources import ExactSession, exact_resource
from exact_assets.defs.translator import ExactTranslator
from exact_assets.exact.auth import TokenEndpoint
from exact_assets.exact.token import Token
from exact_assets_tests.installation import Installation, installation

SECRET, KEY = "s3cret-of-the-app", "key-of-the-store"


def shown(text: str) -> str:
    result = CheckResult(
        check="keys_unique", status=CheckStatus.FAILED, summary="x", divisions={1: text}, examples=({"name": text},)
    )
    metadata = asset_check_result(result, dg.AssetKey("x")).metadata
    of_divisions, of_examples = (str(metadata[name].value).splitlines()[-1] for name in ("divisions", "examples"))
    assert of_divisions.endswith(of_examples.removeprefix("|"))
    return of_examples


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](http://evil.example)",
        "![](http://evil.example/x.png)",
        "http://evil.example",
        "www.evil.example",
        "a@evil.example",
        "**bold** _it_ ~~gone~~ `code`",
        "a | b\n| c | d |",
        "# title\r\n---",
        "&lt;b&gt; &copy;",
        "\\| a",
        "$x$",
    ],
)
def test_markup_in_data_is_shown_as_it_is(text: str) -> None:
    cell = shown(text)
    inside = cell.removeprefix("| ").removesuffix(" |")
    for mark in "<>[]!*_~`|#\\$@\n\r":
        assert mark not in inside.replace("&#", "")
    assert "http:/" not in inside
    assert "www." not in inside


def test_plain_words_stay_as_they_are() -> None:
    text = "2 rows, such as 2b6f0cc9-04d1 of Jansen (Café 't Hof): 1.234,50 + 3% / 2; debit = credit?"
    assert "Jansen (Café " in shown(text)
    assert ": 1.234,50 + 3% / 2; debit = credit?" in shown(text)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    with installation(tmp_path_factory.mktemp("shown"), divisions=1, rows=20) as made:
        return made


def test_no_repr_shows_a_secret(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whatever of ours can be reached from the resource, the store and the configuration."""
    monkeypatch.setenv("EXACT_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("EXACT_SECRET_KEY", KEY)
    config = place.config.model_copy(
        update={
            "client_secret": SecretStr(SECRET),
            "warehouse_url": f"duckdb:///{place.folder}/{SECRET}.duckdb",
        }
    )
    location = CodeLocation.of(config, ExactTranslator())
    control = Control.open(config)
    endpoint = TokenEndpoint(site_url=config.site_url, client_id="c", client_secret=SECRET, refusals=control.ledger)
    roots: list[Any] = [
        config,
        location,
        control,
        endpoint,
        exact_resource(location),
        ExactSession(location, run_id=None),
        control.tokens.read(),
        _environment_model(place.folder / ".env")(),
        ExactConfig.from_env(),
    ]
    token: Token = control.tokens.read().token
    secrets = (SECRET, KEY, token.access_token, token.refresh_token)
    seen: set[int] = set()
    count = 0
    while roots:
        one = roots.pop()
        if id(one) in seen or not type(one).__module__.startswith("exact_assets."):
            continue
        seen.add(id(one))
        count += 1
        assert not [secret for secret in secrets if secret in repr(one)], type(one)
        roots += [inner for referent in gc.get_referents(one) for inner in (referent, *held_by(referent))]
    assert count > 25


def held_by(one: object) -> list[Any]:
    if isinstance(one, dict):
        return list(one.values())
    return list(one) if isinstance(one, list | tuple | set | frozenset) else []
