"""Lines that come through their headers: lines that are no longer there go, those of other headers stay."""

import pytest

from exact_assets.errors import ValueRangeError, WarehouseError
from exact_assets.stream import Changes
from exact_assets_tests.warehouse.conftest import Streams
from exact_assets_tests.warehouse.tables import LINES, SYNC, guid


def line(number: int, entry: int, value: str = "", year: int = 2026) -> dict[str, object]:
    return {"id": guid(number), "entry_id": guid(entry), "value": value, "_year": year}


def test_lines_of_a_header_that_are_not_in_the_step_go(stream: Streams) -> None:
    lines = stream(LINES)
    lines.upsert(line(1, 100), line(2, 100), line(3, 200))
    changes = lines.upsert(line(1, 100, "changed"), line(4, 100), parents=[guid(100)])
    assert changes == Changes(inserted=1, updated=1, deleted=1, years={2026: 3})
    assert lines.read("id::VARCHAR") == [(guid(1),), (guid(3),), (guid(4),)]


def test_a_header_without_lines_loses_all_of_them(stream: Streams) -> None:
    lines = stream(LINES)
    lines.upsert(line(1, 100, year=2024), line(2, 100, year=2025), line(3, 200))
    assert lines.upsert(parents=[guid(100), guid(300)]) == Changes(deleted=2, years={2024: 1, 2025: 1})
    assert lines.read("id::VARCHAR") == [(guid(3),)]


def test_a_line_that_moved_to_another_header_moves(stream: Streams) -> None:
    lines = stream(LINES)
    lines.upsert(line(1, 100))
    assert lines.upsert(line(1, 200), parents=[guid(100), guid(200)]) == Changes(updated=1, years={2026: 1})
    assert lines.read("entry_id::VARCHAR") == [(guid(200),)]


def test_lines_that_stay_the_same_count_nowhere(stream: Streams) -> None:
    lines = stream(LINES)
    lines.upsert(line(1, 100))
    assert lines.upsert(line(1, 100), parents=[guid(100)]) == Changes()


def test_a_line_that_goes_and_comes_back_is_taken_up_again(stream: Streams) -> None:
    lines = stream(LINES)
    lines.upsert(line(1, 100))
    lines.upsert(parents=[guid(100)])
    assert lines.upsert(line(1, 100), parents=[guid(100)]).inserted == 1


def test_a_parent_that_is_no_guid_is_refused(stream: Streams) -> None:
    lines = stream(LINES)
    with pytest.raises(ValueRangeError, match="entry_id"):
        lines.upsert(parents=["nonsense"])


def test_parents_of_a_table_without_headers_are_refused(stream: Streams) -> None:
    accounts = stream(SYNC)
    with pytest.raises(WarehouseError, match="crm_accounts"):
        accounts.upsert(parents=[guid(1)])
