"""Writes documents and attachments in Exact, and reads them one by one; works off the outbox. Knows no Dagster."""
