"""Which divisions are kept and their status: from Exact's list to a line for people. Knows no Dagster."""
