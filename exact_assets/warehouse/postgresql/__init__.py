"""PostgreSQL as an engine of a warehouse: what only it knows."""
