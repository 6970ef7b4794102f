"""Finding: which files there are to send, and when each is at rest."""
