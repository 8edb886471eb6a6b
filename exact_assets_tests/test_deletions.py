"""What Exact deletes goes from the warehouse: by its log, by sweeps of keys, and with the headers that went."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest

from exact_assets.catalogue import select
from exact_assets.catalogue.deletions import LOG, types_of
from exact_assets.catalogue.table import Feed
from exact_assets.catalogue.tables import tables
from exact_assets.request import Mode
from exact_assets.stream import Step, Verb
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.installation import Installation, installation, path_of
from exact_assets_tests.one_warehouse import Outcomes, bring, problems
from exact_assets_tests.warehouse.tables import rows

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000}
COVERED = ",".join(name for name, table in tables().items() if table.entity_types and table.feed is Feed.SYNC)
SWEPT = (
    "crm_opportunities,purchaseentry_purchase_entries,purchaseentry_purchase_entry_lines,salesentry_sales_entries,"
    "salesentry_sales_entry_lines,salesinvoice_sales_invoices,salesinvoice_sales_invoice_lines,"
    "purchaseorder_goods_receipts,purchaseorder_goods_receipt_lines,crm_bank_accounts"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=2, rows=200, settings=UNLIMITED) as made:
        yield made


@pytest.fixture(scope="module")
def loaded(place: Installation) -> Outcomes:
    bring(place, f"{COVERED},{LOG}")
    return bring(place, LOG)


def delete(place: Installation, names: str, *, count: int = 1) -> set[str]:
    """Delete in every table that lets it; the names of those."""
    done = set()
    for table in select(names):
        try:
            if place.simulator.control.delete(path_of(table.endpoint), place.divisions[0], count=count):
                done.add(table.name)
        except ValueError:
            # Documents refer to all of its records.
            continue
    return done


def add(place: Installation, names: str, *, count: int = 3) -> None:
    """Add records that no document refers to, so that there are some to delete."""
    for table in select(names):
        place.simulator.control.insert(path_of(table.endpoint), place.divisions[0], count=count)


def calls(place: Installation) -> int:
    return len(place.simulator.control.calls())


def test_every_type_of_the_log_names_tables_whose_key_is_one_guid() -> None:
    for table in tables().values():
        if table.entity_types:
            key = [column for column in table.columns if column.name in table.key]
            assert [column.edm_type for column in key] == ["Edm.Guid"], table.name
            assert table.version in {"timestamp", "modified"}, table.name
    assert set().union(*types_of().values()) == set(range(1, 60)) - {52}


@pytest.mark.long
def test_the_log_takes_away_what_was_deleted_in_every_table_it_names(place: Installation, loaded: Outcomes) -> None:
    deleted = delete(place, COVERED, count=2)
    assert len(deleted) > 40
    place.simulator.control.forget_calls()
    outcome = bring(place, LOG)[LOG][place.divisions[0]]
    assert set(outcome.elsewhere) >= deleted - {"financialtransaction_transaction_lines"}
    assert calls(place) == len(place.divisions), "one call per division, however many tables"
    # What stayed of the documents was renewed, and comes with the next load of its own table.
    bring(place, COVERED)
    assert problems(place, COVERED) == {}


def test_where_nothing_was_deleted_the_log_costs_one_call_and_no_write(
    place: Installation, loaded: Outcomes
) -> None:
    before = bring(place, LOG)[LOG]
    place.simulator.control.forget_calls()
    after = bring(place, LOG)[LOG]
    assert calls(place) == len(place.divisions)
    assert {d: one.state.load_seq for d, one in after.items()} == {
        d: one.state.load_seq for d, one in before.items()
    }


def test_a_row_whose_page_was_read_before_it_was_deleted_does_not_come_back(
    place: Installation, loaded: Outcomes
) -> None:
    """The log is applied first, and the page that still had the row is stored after it."""
    control, division = place.simulator.control, place.divisions[0]
    [key] = control.insert("crm/Accounts", division)
    stale = next(row for row in control.rows("sync/CRM/Accounts", division) if row["ID"] == key)
    control.delete("crm/Accounts", division, keys=[key])
    bring(place, LOG)
    table = tables()["crm_accounts"]
    warehouse = open_warehouse(f"duckdb:///{place.warehouse}")
    state = warehouse.states(table, [division])[division]
    page = rows(table, {"id": key, "timestamp": stale["Timestamp"], "_year": 2026}, division=division)
    step = Step(verb=Verb.UPSERT, rows=page, state=state)
    warehouse.store(table, division, step, expected_seq=state.load_seq)
    assert problems(place, "crm_accounts") == {}
    # A row that was made again is newer than its deletion, and stays.
    again = rows(table, {"id": key, "timestamp": stale["Timestamp"] + 10**9, "_year": 2026}, division=division)
    warehouse.store(
        table, division, Step(verb=Verb.UPSERT, rows=again, state=state), expected_seq=state.load_seq + 1
    )
    bring(place, LOG)
    with duckdb.connect(str(place.warehouse)) as connection:
        kept = connection.execute("SELECT count(*) FROM exact.crm_accounts WHERE id = ?", [key]).fetchall()
        connection.execute("DELETE FROM exact.crm_accounts WHERE id = ?", [key])
    assert kept == [(1,)]


@pytest.mark.long
def test_a_sweep_takes_away_what_no_log_tells_and_the_lines_of_headers_that_went(place: Installation) -> None:
    file = place.folder / "swept.duckdb"
    bring(place, SWEPT, file=file)
    assert problems(place, SWEPT, file=file) == {}
    deleted = delete(place, SWEPT, count=2)
    assert {"crm_opportunities", "purchaseentry_purchase_entries", "salesentry_sales_entries"} <= deleted
    assert problems(place, SWEPT, file=file) != {}
    place.simulator.control.forget_calls()
    swept = bring(place, "crm_opportunities,purchaseentry_purchase_entries", file=file, mode=Mode.SWEEP)
    division = place.divisions[0]
    assert swept["crm_opportunities"][division].changes.deleted == 2
    assert "purchaseentry_purchase_entry_lines" in swept["purchaseentry_purchase_entries"][division].elsewhere
    asked = [call["query"].partition("$select=")[2].partition("&")[0] for call in place.simulator.control.calls()]
    few = {"ID,Created,Division,Modified", "EntryID,Created,Division,EntryDate,Modified,ReportingYear"}
    assert few <= set(asked), "a sweep selects keys, and what tells whether a row should be here"
    bring(place, SWEPT, file=file, mode=Mode.SWEEP)
    assert problems(place, SWEPT, file=file) == {}


@pytest.mark.long
def test_a_sweep_leaves_rows_alone_that_came_after_it_began(place: Installation) -> None:
    file = place.folder / "racing.duckdb"
    bring(place, "crm_opportunities", file=file)
    control, division = place.simulator.control, place.divisions[0]
    control.set(page_size_cap=10)
    control.fault("cut_body", path="crm/Opportunities.*skiptoken", division=division, times=None)
    try:
        with pytest.raises(Exception, match="Opportunities"):
            bring(place, "crm_opportunities", file=file, mode=Mode.SWEEP)
        control.clear_faults()
        new = control.insert("crm/Opportunities", division, count=30)
        # A catch-up brings them, and goes on with the sweep whose first pages did not have them.
        bring(place, "crm_opportunities", file=file)
    finally:
        control.reset()
        control.set(**UNLIMITED)
    assert len(new) == 30
    assert problems(place, "crm_opportunities", file=file) == {}


def test_a_log_that_was_not_read_for_two_months_makes_tables_sweep_their_keys_once(place: Installation) -> None:
    file = place.folder / "idle.duckdb"
    chosen = "crm_accounts,crm_contacts"
    add(place, chosen)
    bring(place, f"{LOG},{chosen}", file=file)
    control = place.simulator.control
    deleted = delete(place, chosen, count=2)
    control.mutate("prune_deleted", before_ms=int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1000))
    _age(file, days=70)
    # The log finds the gap, the tables look at it when they come.
    bring(place, LOG, file=file)
    bring(place, chosen, file=file)
    assert deleted == {"crm_accounts", "crm_contacts"}
    assert problems(place, chosen, file=file) == {}
    control.forget_calls()
    bring(place, chosen, file=file)
    assert calls(place) == 2 * len(place.divisions), "swept once: afterwards a catch-up is one call again"


def _age(file: Path, *, days: int) -> None:
    """Set back what the states say of when the log and the tables were read."""
    with duckdb.connect(str(file)) as connection:
        for division, name, state in connection.execute(
            "SELECT division, table_name, state FROM exact._streams"
        ).fetchall():
            aged = msgspec.json.decode(state)
            for field in ("read_at", "covered_from"):
                if aged.get(field):
                    aged[field] = (datetime.fromisoformat(aged[field]) - timedelta(days=days)).isoformat()
            connection.execute(
                "UPDATE exact._streams SET state = ? WHERE division = ? AND table_name = ?",
                [msgspec.json.encode(aged).decode(), division, name],
            )


@pytest.mark.long
def test_soft_deletions_mark_rows_and_views_leave_them_out(place: Installation) -> None:
    file = place.folder / "soft.duckdb"
    chosen = f"{LOG},crm_accounts,crm_opportunities,documents_documents,documents_document_attachments"
    add(place, "crm_accounts,crm_opportunities,documents_documents")
    bring(place, chosen, file=file, is_soft=True)
    deleted = delete(place, "crm_accounts,crm_opportunities,documents_documents", count=2)
    assert len(deleted) == 3
    bring(place, chosen, file=file, is_soft=True)
    bring(place, "crm_opportunities", file=file, is_soft=True, mode=Mode.SWEEP)
    for name in ("crm_accounts", "crm_opportunities", "documents_documents", "documents_document_attachments"):
        there = sum(len(place.truth(tables()[name], division)) for division in place.divisions)
        assert _counts(file, name, schema="exact_live") == there, name
        marked = _counts(file, name, "deleted_at IS NOT NULL")
        assert _counts(file, name) == there + marked, name
        assert marked >= 2 or name == "documents_document_attachments", name
    # Back to hard: what was marked goes, and so do the views.
    bring(place, chosen, file=file)
    assert problems(place, "crm_accounts,crm_opportunities", file=file) == {}
    with duckdb.connect(str(file), read_only=True) as connection:
        views = connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE schema_name = 'exact_live'"
        ).fetchall()
    assert views == []


def _counts(file: Path, name: str, condition: str = "true", *, schema: str = "exact") -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(f'SELECT count(*) FROM {schema}."{name}" WHERE {condition}').fetchall()
    return int(found[0][0])
