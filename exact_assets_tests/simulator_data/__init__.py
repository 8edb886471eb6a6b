"""Tests of what the simulator holds: endpoint facts and books."""
