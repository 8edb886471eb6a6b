"""What a day's calls are for: what loads may use of them, and whether what is chosen fits. Knows no Dagster."""
