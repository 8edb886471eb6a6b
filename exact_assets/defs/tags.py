"""The tags of our own that runs carry. Names only; what follows from them is decided where they are read."""

BACKGROUND = "exact/background"
"""`true`: a schedule asked, not a person. It leaves a part of the day's calls to runs that a person asked for."""
ALL_YEARS = "exact/all_years"
"""`true`: dated tables are to have all years since the starting year, whatever partitions the run names."""
OUTCOME = "exact/outcome"
PARTIAL = "partial"
"""Of `OUTCOME`: the run did what the day's calls allowed; the rest waits."""

TRUE = "true"
