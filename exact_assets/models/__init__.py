"""The business models: what each is made of, in SQL, and which of them are made. No Dagster, and no database.

A model is a file in `sql`: a header of facts (TOML in the comment at its beginning), then a SELECT in the SQL that
DuckDB and PostgreSQL share, over tables of the copy.
"""
