"""Knows HTTP: how Exact Online is asked and what it answers. Knows neither SQL nor Dagster."""
