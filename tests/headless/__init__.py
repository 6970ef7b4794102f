"""The plain front end and the demo, run as processes."""
