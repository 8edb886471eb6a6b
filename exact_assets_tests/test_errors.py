"""The tree of errors: drawn as it is, and each kind survives being stored or sent to another process."""

import importlib
import json
import pickle
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

import exact_assets
from exact_assets import errors
from exact_assets.error_records import KINDS, ErrorRecord, error_from, name_of, record_of
from exact_assets.errors import ExactAssetsError

SAMPLES: dict[str, Any] = {
    "division": 100001,
    "endpoint": "sync/CRM/Accounts",
    "status": 403,
    "reason": "NoDivisionAccess",
    "resets_at": datetime(2026, 11, 23, tzinfo=UTC),
    "server_time": datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC),
    "table": "crm_accounts",
    "rows": 60,
    "of": 100,
    "detail": "Binder Error",
}


def kinds_below(kind: type[ExactAssetsError]) -> Iterator[type[ExactAssetsError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from kinds_below(one)


def made(kind: type[ExactAssetsError]) -> ExactAssetsError:
    return kind("It said no.", **{name: SAMPLES[name] for name in kind.FACTS})


def as_it_was(error: ExactAssetsError, kind: type[ExactAssetsError]) -> bool:
    return (
        type(error) is kind
        and str(error) == "It said no."
        and all(getattr(error, name) == SAMPLES[name] for name in kind.FACTS)
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_error_is_the_same_once_it_was_stored(kind: type[ExactAssetsError]) -> None:
    stored = json.dumps(asdict(record_of(made(kind))))
    assert as_it_was(error_from(ErrorRecord(**json.loads(stored))), kind)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_error_can_be_pickled(kind: type[ExactAssetsError]) -> None:
    assert as_it_was(pickle.loads(pickle.dumps(made(kind))), kind)  # noqa: S301 - our own


def test_every_error_of_the_package_has_a_name_and_stands_in_one_module() -> None:
    for module in pkgutil.walk_packages(exact_assets.__path__, "exact_assets."):
        importlib.import_module(module.name)
    ours = {kind for kind in kinds_below(ExactAssetsError) if kind.__module__.startswith("exact_assets.")}
    assert {kind.__module__ for kind in ours} == {errors.__name__}
    assert ours == set(KINDS.values())


def test_names_that_installations_have_stored_keep_their_class() -> None:
    # As stored by the version before: a dead connection, and how attempts at streams ended.
    for name in ("TokenUsedElsewhereError", "TokenExpiredError", "ReconnectError", "DivisionNotGrantedError",
                 "ForbiddenError", "UnavailableError", "RemovalWithheldError", "ShortOfMemoryError"):  # fmt: skip
        assert KINDS[name].__name__ == name


def test_an_error_whose_kind_a_newer_version_stored_is_still_an_error() -> None:
    error = error_from(ErrorRecord(kind="OfTheFutureError", message="No.", facts={"planet": "Mars"}))
    assert (type(error), str(error)) == (ExactAssetsError, "No.")


def test_an_error_of_a_class_without_a_name_is_stored_as_the_nearest_that_has_one() -> None:
    local = type("LocalError", (errors.PagingError,), {})
    assert name_of(local("No.")) == "PagingError"


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([│├└─\s]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            path = [*path[:depth], found[2]]
            drawn[found[2]] = path[-2] if depth else "Exception"
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in KINDS.items()}
