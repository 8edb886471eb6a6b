"""Tests of the Dagster component."""
