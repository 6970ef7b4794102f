"""Finds, sends and records; knows nothing of how it is shown."""
