"""What is kept, checked: damage is planted with plain SQL and must be found, by its check and no other."""
