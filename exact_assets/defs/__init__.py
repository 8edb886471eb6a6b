"""Knows Dagster: resources, partitions, assets and jobs, each thin. The work is done elsewhere."""
