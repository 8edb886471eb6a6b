"""The tags of our own that runs carry. Names only; what follows from them is decided where they are read."""

BACKGROUND = "exact/background"
"""`true`: a schedule asked, not a person. It leaves a part of the day's calls to runs that a person asked for."""
ALL_YEARS = "exact/all_years"
"""`true`: dated tables are to have all years since the starting year, whatever partitions the run names."""
DIVISIONS = "exact/divisions"
"""The divisions of a run that a schedule or sensor asked for, comma separated. A range says the same, but only as
long as both its ends are there: a division that is disabled meanwhile would fail all steps to come."""
OUTCOME = "exact/outcome"
PARTIAL = "partial"
"""Of `OUTCOME`: the run did what the day's calls allowed; the rest waits."""

TRUE = "true"
