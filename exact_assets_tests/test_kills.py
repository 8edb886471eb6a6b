"""A small storm in the suite: real processes, killed with -9 in every phase of a load, over all kinds of feeds."""

import random
from pathlib import Path

import pytest

from exact_assets_tests.installation import installation
from exact_assets_tests.trials.storm import SWITCHES, Storm

TABLES = "crm_accounts,crm_opportunities,purchaseentry_purchase_entry_lines,vat_vat_codes"
"""By sync, by Modified, through headers, whole."""
KILLS = 6
SEED = 4


@pytest.mark.long
def test_loads_that_were_killed_end_with_what_exact_holds(tmp_path: Path) -> None:
    # Small pages: most chains have several chunks, between which a kill may fall.
    switches = SWITCHES | {"page_size_cap": 20}
    with installation(tmp_path, divisions=2, rows=800, seed=SEED, settings=switches) as place:
        storm = Storm(place, random.Random(SEED), tables=TABLES)
        storm.measure()
        storm.round(0, KILLS)
        assert storm.kills.total() >= KILLS
        assert storm.check_calls() > 0
