"""What the program is asked to do: settings, config file and state directory, all checked."""
