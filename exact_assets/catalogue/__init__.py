"""What tables there are: facts of Exact's endpoints as data files, and the rules that turn them into tables.

No I/O beyond reading those files, once, when the first table is asked for.
"""

from exact_assets.catalogue.frequencies import chosen_tables
from exact_assets.catalogue.listing import Listed, listing
from exact_assets.catalogue.select import select
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import left_out, tables

__all__ = ["Listed", "Table", "chosen_tables", "left_out", "listing", "select", "tables"]
