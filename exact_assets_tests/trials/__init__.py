"""Trials that take too long for the suite: `make storm` and `make bench`, to be reported with their figures."""
