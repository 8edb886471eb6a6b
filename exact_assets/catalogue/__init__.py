"""Knows tables: facts about Exact's endpoints as data files, and the rules that turn them into tables."""
