"""What is DuckDB's own: its file, path, lock, checkpoint, format and memory."""
