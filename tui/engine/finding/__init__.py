"""Finding: which files there are to send, and when each has settled."""
