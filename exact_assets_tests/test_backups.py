"""A backup of the warehouse or of the control store is put back, and the other is newer: what is lost and told."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exact_assets.control.open import Control
from exact_assets.errors import TokenUsedElsewhereError
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.one_warehouse import attempt, bring, problems

NAMES = "crm_accounts,salesentry_sales_entries,salesentry_sales_entry_lines,vat_vat_codes,sync_deleted"
DIVISION = 100_001
BACKUP = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"
RESTORE = "import sqlite3, sys; sqlite3.connect(sys.argv[2]).backup(sqlite3.connect(sys.argv[1]))"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path / "place", divisions=1, rows=150) as made:
        bring(made, NAMES)
        yield made


def change(place: Installation) -> None:
    """Let rows come, change and go at Exact."""
    control = place.simulator.control
    control.insert("crm/Accounts", DIVISION, count=4)
    control.update("crm/Accounts", DIVISION, count=6)
    control.delete("crm/Accounts", DIVISION, count=3)


def control_copy(place: Installation, code: str, other: Path) -> None:
    """Copy the control store by another process, as a backup is made or put back while nothing runs."""
    subprocess.run([sys.executable, "-c", code, str(place.folder / "control.sqlite"), str(other)], check=True)


def let_tokens_fall_due(place: Installation, *, seconds: float = 650) -> None:
    place.simulator.control.advance(seconds)
    tokens = Control.open(place.config).tokens
    held = tokens.read().token
    tokens.keep_age(replace(held, received_at=datetime.now(UTC) - timedelta(seconds=seconds), issued_at=None))


def test_an_older_warehouse_beside_a_newer_control_store_catches_up(place: Installation, tmp_path: Path) -> None:
    """Rows and states are of one moment: what was deleted since is in the log, which is read again from there."""
    backup = (place.warehouse).read_bytes()
    for _ in range(2):
        change(place)
        bring(place, NAMES)
    assert problems(place, NAMES) == {}
    place.warehouse.write_bytes(backup)
    bring(place, NAMES)
    assert problems(place, NAMES) == {}


def test_an_older_control_store_beside_a_newer_warehouse_asks_for_a_new_connection_and_loses_nothing(
    place: Installation, tmp_path: Path
) -> None:
    """Its refresh token was used since: Exact refuses it, and the error says what to do."""
    control_copy(place, BACKUP, tmp_path / "backup.sqlite")
    let_tokens_fall_due(place)
    change(place)
    bring(place, NAMES)
    control_copy(place, RESTORE, tmp_path / "backup.sqlite")
    let_tokens_fall_due(place)
    change(place)
    outcome = attempt(place, "crm_accounts")["crm_accounts"][DIVISION]
    assert isinstance(outcome.error, TokenUsedElsewhereError)
    assert "exact-assets connect" in str(outcome.error)
    place.connect()
    bring(place, NAMES)
    assert problems(place, NAMES) == {}


def test_a_control_store_that_is_newer_than_both_warehouse_and_tokens_in_use_is_harmless(
    place: Installation, tmp_path: Path
) -> None:
    """Attempts, results and the account of calls tell of loads that the warehouse of the backup has not seen."""
    backup = place.warehouse.read_bytes()
    control = Control.open(place.config)
    for _ in range(3):
        change(place)
        bring(place, NAMES)
    control.attempts.note("crm_accounts", {DIVISION: None}, at=datetime.now(UTC))
    place.warehouse.write_bytes(backup)
    place.simulator.control.forget_calls()
    bring(place, NAMES)
    assert problems(place, NAMES) == {}
    assert {call["status"] for call in place.simulator.control.calls()} == {200}
