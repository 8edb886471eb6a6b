"""Tests of `exact_assets.warehouse` on real DuckDB files; what is expected is read back with plain DuckDB."""
