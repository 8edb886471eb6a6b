"""A faithful copy of Exact Online in a data warehouse, as Dagster assets. Importing this has no effects."""
