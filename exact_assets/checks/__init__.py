"""Checks of what is kept: a file per check, with its rule, its words and its SQL.

- `registry` lists the checks. A new one is a file here, and its name in that list.
- `check` says what such a file holds, `subject` what a check is given, `result` what comes of it.
- `violations`, `sql`, `headers`, `ledger` and `asking` hold what several checks share.
- `run` runs them.

A warehouse only runs the statements that stand here; Dagster is not known.
"""
