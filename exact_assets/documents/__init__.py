"""Writes documents and attachments in Exact, and reads them one by one. Knows no Dagster and no warehouse."""
