"""Tests of `exact_assets.planning`."""
