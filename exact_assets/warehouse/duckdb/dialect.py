"""How DuckDB writes SQL."""

from exact_assets.warehouse.sql.dialect import Dialect

_HERE = "database_name = current_database() AND lower(schema_name) = $schema"

DIALECT = Dialect(
    engine="DuckDB",
    address="rowid",
    place="rowid",
    # Names in lower case: DuckDB does not tell them apart by it.
    tables=(
        "SELECT lower(table_name) AS table_name, comment, has_primary_key AS has_key, false AS is_view "
        f"FROM duckdb_tables() WHERE {_HERE} UNION ALL "
        f"SELECT lower(view_name), comment, false, true FROM duckdb_views() WHERE {_HERE}"
    ),
    columns=(
        "SELECT lower(table_name) AS table_name, lower(column_name) AS column_name, data_type, comment "
        f"FROM duckdb_columns() WHERE {_HERE} AND NOT internal"
    ),
)
