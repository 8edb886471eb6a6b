"""A code location with an asset that does nothing: the memory that Dagster, Arrow and DuckDB take by themselves."""

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.compute as pc


@dg.asset
def nothing() -> None:
    """Touch the libraries, so that what they load on first use counts."""
    column = pc.add(pa.array([1]), 1)
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.register("one", pa.table({"n": column}))
        connection.execute("CREATE TABLE kept AS SELECT n FROM one").fetchall()


defs = dg.Definitions(assets=[nothing], executor=dg.in_process_executor)
