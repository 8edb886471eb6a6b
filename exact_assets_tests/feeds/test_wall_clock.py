"""The site's wall clock and the years of rows."""

# ruff: noqa: DTZ001 - Exact writes wall clocks, which have no zone

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from exact_assets.feeds.rows import years_of
from exact_assets.feeds.wall_clock import reread_from, wall, wall_literal


@pytest.mark.parametrize(
    ("bound", "moved"),
    [
        (datetime(2026, 10, 25, 1, 59), datetime(2026, 10, 25, 1, 59)),
        (datetime(2026, 10, 25, 2, 0), datetime(2026, 10, 25, 2, 0)),
        (datetime(2026, 10, 25, 2, 50), datetime(2026, 10, 25, 2, 0)),
        (datetime(2026, 10, 25, 3, 4), datetime(2026, 10, 25, 2, 0)),
        (datetime(2026, 10, 25, 3, 6), datetime(2026, 10, 25, 3, 6)),
        (datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 2, 30)),
    ],
)
def test_a_bound_in_the_repeated_hour_moves_to_its_start(bound: datetime, moved: datetime) -> None:
    assert reread_from(bound, "Europe/Amsterdam") == moved


def test_a_site_with_a_fixed_offset_has_no_repeated_hour() -> None:
    assert reread_from(datetime(2026, 10, 25, 2, 50), "+02:00") == datetime(2026, 10, 25, 2, 50)
    assert wall(datetime(2026, 1, 1, tzinfo=UTC), "-05:30") == datetime(2025, 12, 31, 18, 30)


def test_a_literal_is_never_later_than_the_moment() -> None:
    assert wall_literal(datetime(2026, 1, 1, 2, 3, 4, 999999)) == "datetime'2026-01-01T02:03:04'"


@pytest.mark.parametrize(
    ("zone", "year"), [("Europe/Amsterdam", 2026), ("Europe/London", 2025), ("+01:00", 2026), ("-01:00", 2025)]
)
def test_the_year_of_an_instant_is_that_of_the_sites_clock(zone: str, year: int) -> None:
    made = pa.array([datetime(2025, 12, 31, 23, 30, tzinfo=UTC)], pa.timestamp("us", tz="UTC"))
    assert years_of(pa.table({"Created": made}), ["Created"], zone=zone).to_pylist() == [year]


def test_a_year_that_no_year_can_be_is_unknown_and_the_next_source_counts() -> None:
    table = pa.table(
        {
            "FinancialYear": pa.array([2024, None, 99999], pa.int32()),
            "Date": pa.array([datetime(2020, 1, 1), datetime(2021, 12, 31, 23, 59), None], pa.timestamp("us")),
        }
    )
    assert years_of(table, ["FinancialYear", "Date"], zone="Europe/Amsterdam").to_pylist() == [2024, 2021, None]
