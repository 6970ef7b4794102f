"""`--dry_run`: says what would be uploaded and why the rest would not, and touches nothing."""

from __future__ import annotations

from tui import wording
from tui.config.settings import Settings
from tui.engine.log import warnings_on_stderr
from tui.engine.preview import Preview
from tui.engine.recording.ledger_copy import LedgerCopy
from tui.engine.recording.tables.take_over import files_new_since_ns, take_in
from tui.errors import StateDirectoryError
from tui.streams import say
from tui.text import visible


def run(settings: Settings) -> int:
    """Print one line for each file; return the exit status.

    Raises:
        StateDirectoryError: an instance is at work here, or its records cannot be read.
    """
    with warnings_on_stderr(settings):
        return _run(settings)


def _run(settings: Settings) -> int:
    ledger = LedgerCopy(settings.state_dir, settings.topic_name, settings.upload_dir,
                        settings.acks)
    try:
        take_in(ledger, settings)
    except OSError as error:
        raise StateDirectoryError(f"the tables cannot be read: {error}",
                                  where=str(settings.state_dir), remedy="Make them readable") \
            from error
    n_wanted = n_bytes = n_other = 0
    if ledger.damage:
        say(f"{ledger.damage}; a start sets it aside, and takes over what the tables tell")
    since = files_new_since_ns(ledger, settings)
    for judgement in Preview(settings, ledger, since).judgements():
        name = visible(judgement.rel_path)
        if judgement.why_not:
            n_other += 1
            line = f"no   {name}: {visible(judgement.why_not)}"
        else:
            n_wanted += 1
            n_bytes += judgement.n_bytes
            line = f"yes  {name}, {wording.size(judgement.n_bytes)}"
        if not say(line):
            return 0
    say(f"{wording.files(n_wanted)}, {wording.size(n_bytes)}, would be uploaded to "
        f"{settings.topic_name}; {wording.count(n_other)} would not")
    return 0
