"""Tables and models as files: Parquet, CSV, and a workbook. Nothing of Dagster, nor of how they are made."""
