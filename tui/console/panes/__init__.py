"""The panes of the console, one widget a file."""
