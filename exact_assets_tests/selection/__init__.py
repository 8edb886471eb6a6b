"""Tests of `exact_assets.selection`."""
