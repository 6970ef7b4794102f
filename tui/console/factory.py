"""Makes the console for the command line, the tests and the pictures alike."""

from __future__ import annotations

from tui.commands import Engine
from tui.config.settings import ConsoleSettings
from tui.console import theme
from tui.console.app import ConsoleApp


def make_app(engine: Engine, settings: ConsoleSettings) -> ConsoleApp:
    """Return a console for an engine.

    Args:
        engine: the uploader, or anything like it.
        settings: looks and keys, as :func:`tui.console.check_config.check` allows them.
    """
    app = ConsoleApp(engine, settings.refresh_hz, settings.hidden_panes, settings.keymap)
    for own in theme.OWN:
        app.register_theme(own)
    app.theme = theme.full_name(settings.theme)
    return app
