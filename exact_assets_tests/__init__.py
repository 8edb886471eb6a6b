"""Tests, mostly through the simulator and real databases."""
