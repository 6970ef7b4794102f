"""Sending: from a settled file to acknowledged messages on the topic."""
