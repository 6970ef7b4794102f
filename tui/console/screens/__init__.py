"""Dialogs and pages over the main screen, one a file."""
