"""How PostgreSQL writes SQL."""

from exact_assets.warehouse.sql.dialect import Dialect

PLACE = "_place"

_TABLES = """
    SELECT c.relname AS table_name, obj_description(c.oid, 'pg_class') AS comment,
        EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key,
        c.relkind NOT IN ('r', 'p') AS is_view
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_COLUMNS = """
    SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS data_type,
        col_description(c.oid, a.attnum) AS comment
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
"""
_INDEXES = """
    SELECT c.relname AS index_name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('i', 'I')
"""

DIALECT = Dialect(
    engine="PostgreSQL",
    address="ctid",
    # A row's address tells no order once rows have gone and their space is used again.
    place=PLACE,
    place_definition=f"{PLACE} bigint GENERATED ALWAYS AS IDENTITY",
    tables=_TABLES,
    columns=_COLUMNS,
    indexes=_INDEXES,
    identifier_bytes=63,
    reserved=frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax"}),
    parameter="%({name})s",
    temporary="pg_temp.{name}",
    # Converted in a query of its own, so that the planner does not do so before the condition is known.
    try_cast=(
        "CASE WHEN pg_input_is_valid(CAST({value} AS text), {type_text}) "
        "THEN CAST((SELECT CAST({value} AS text)) AS {type}) END"
    ),
)
