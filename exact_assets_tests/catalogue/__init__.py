"""The catalogue: facts, rules, and the language in which tables are chosen."""
