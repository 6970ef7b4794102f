"""Sending: from a file at rest to acknowledged messages on the topic."""
