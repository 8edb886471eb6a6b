"""The demo: a simulated Exact Online, a connection, real Dagster runs and the UI, all on this machine."""
