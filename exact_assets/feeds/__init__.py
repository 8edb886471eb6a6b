"""How a table is read: each feed turns a client and a stream's state into steps. Knows neither SQL nor Dagster."""
