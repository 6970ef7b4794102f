"""The records that the engine works with, all frozen, and the states of files and versions."""
