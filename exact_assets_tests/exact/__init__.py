"""Tests of the client: over real HTTP, against a small server whose every answer the test writes."""
