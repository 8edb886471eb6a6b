"""The server that plays Exact Online, for the demo and the tests. Imports nothing of exact_assets."""
