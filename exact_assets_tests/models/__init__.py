"""Tests of the business models: their files, their rows on each engine, their checks, and their runs."""
