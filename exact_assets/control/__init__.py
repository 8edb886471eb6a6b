"""What all processes share: tokens, quota ledger, leases. Knows neither tables nor Dagster."""
