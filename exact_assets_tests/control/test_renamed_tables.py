"""What is kept of tables that have another name by now is found under it."""

from datetime import UTC, datetime

import sqlalchemy as sa
from pydantic import SecretStr

from exact_assets.config import ExactConfig
from exact_assets.control.attempts import AttemptLog
from exact_assets.control.check_results import CheckResultStore, KeptResult
from exact_assets.control.database import open_database, transaction
from exact_assets.control.open import Control
from exact_assets.control.tables import ATTEMPTS, CHECK_RESULTS, UNRECORDED_LOADS
from exact_assets.control.unrecorded import UnrecordedLoads

SITE, CLIENT = "https://start.exactonline.nl", "c"
AT = datetime(2026, 1, 2, tzinfo=UTC)
PASSED = KeptResult(status="passed", words="All is well.", rows=3, examples=(), checked_at=AT)


def test_attempts_results_and_marks_go_with_their_table(control_url: str) -> None:
    """One program writes them under former names; the next that opens the store finds them."""
    engine = open_database(control_url, is_durable=False)
    attempts, results = (
        AttemptLog(engine, site=SITE, client=CLIENT),
        CheckResultStore(engine, site=SITE, client=CLIENT),
    )
    marks = UnrecordedLoads(engine, site=SITE, client=CLIENT)
    for table in ("hrm_costcenters", "crm_accounts"):
        attempts.note(table, {7: None, 8: None}, at=AT)
        results.write(table, {"keys_unique": {7: PASSED, 8: PASSED}})
        marks.mark(table, [7, 8])
    # An earlier version has run since this one did, and knows better.
    older = {"division": 8, "table_name": "hrm_cost_centers", "error": "older"}
    with transaction(engine) as connection:
        connection.execute(sa.insert(ATTEMPTS).values(site=SITE, client=CLIENT, **older))
    config = ExactConfig(client_id=CLIENT, control_url=control_url, secret_key=SecretStr("of the tests"))
    Control.open(config)
    with transaction(engine) as connection:
        for shared in (ATTEMPTS, CHECK_RESULTS, UNRECORDED_LOADS):
            names = connection.scalars(sa.select(shared.c.table_name)).all()
            assert sorted(names) == ["crm_accounts"] * 2 + ["hrm_cost_centers"] * 2
    found = attempts.read()[8]["hrm_cost_centers"]
    assert (found.succeeded_at, found.error) == (AT, None)
    assert results.read("hrm_cost_centers") == {"keys_unique": {7: PASSED, 8: PASSED}}
    assert marks.mark("hrm_cost_centers", [7, 8]) == {7, 8}
