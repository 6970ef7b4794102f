"""Recording: what the broker has acknowledged, kept on disk."""
