"""What the program is told to do: settings, config file, state directory; all checked."""
