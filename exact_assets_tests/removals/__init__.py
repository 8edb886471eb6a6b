"""Answers that would take away all rows, or most of them: asked again, counted, withheld, confirmed."""
