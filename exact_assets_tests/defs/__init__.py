"""Dagster: pure decisions here, real runs beside them."""
