"""Tests of the shared store: real files, real processes, and a simulator where Exact has to answer."""
