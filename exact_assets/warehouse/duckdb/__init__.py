"""DuckDB as a warehouse: its connection, dialect and staging, and the care that its one file needs. No policy."""
