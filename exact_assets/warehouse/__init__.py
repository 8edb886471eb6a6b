"""Knows SQL: one protocol, and a module for each kind of warehouse."""
