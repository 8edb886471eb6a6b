"""Which divisions are kept and how they stand: from Exact's list to a line for people. Knows no Dagster."""
