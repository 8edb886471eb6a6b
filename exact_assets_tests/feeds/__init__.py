"""The feeds against a small vendor and a small warehouse in memory, and against the simulator over HTTP."""
