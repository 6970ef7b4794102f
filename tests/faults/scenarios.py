"""What happens when something goes wrong: the one source of the README's table.

``python -m tests.faults.scenarios`` prints the table. Each scenario is shown by tests named
``test_sNN_...``, here or, where no broker is needed, in ``tests/engine``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that goes wrong.

    Attributes:
        number: names its tests.
        when: what happens, to follow the word "when".
        then: what the program does about it.
        untested: why there is no test of it; empty where there is one.
    """

    number: int
    when: str
    then: str
    untested: str = ""


SCENARIOS = (
    Scenario(1, "the broker is down at the start",
             "files are watched and queued, and one message says so; uploading starts "
             "automatically once the broker is up"),
    Scenario(2, "the broker is lost in the middle of a file, for longer than `message.timeout.ms`",
             "reading stops when the internal queue is full; every chunk is sent once the broker "
             "is back"),
    Scenario(3, "the broker restarts, or connections are cut again and again",
             "chunks that were not acknowledged are resent; nothing is lost"),
    Scenario(4, "the producer fails for good (a fatal error)",
             "a new producer is created, and only what was not acknowledged is resent"),
    Scenario(5, "the topic does not exist",
             "the message names it; uploading starts within a minute of its creation"),
    Scenario(6, "the right to write is missing",
             "files are held, and the message names the principal and the missing right; held "
             "files are retried automatically, without a restart"),
    Scenario(7, "the password, the CA, the certificate or the protocol is wrong",
             "a message within seconds says which; no secret is shown"),
    Scenario(8, "a chunk is larger than the client or the topic allows",
             "refused at the start if the limit is known; otherwise the file is held and the "
             "message names the settings to change"),
    Scenario(9, "you quit while the broker is down",
             "the program ends after 15 s without an acknowledgement, with status 1, and says "
             "what is left; a second quit ends it at once; the next start uploads the rest"),
    Scenario(10, "the broker throttles, or the network is slow",
             "the rate and the remaining time stay correct, and throttling is shown; nothing "
             "times out"),
    Scenario(11, "another Kafka cluster answers under the same name",
             "nothing is sent to it; the program ends with status 2 and names both ids; "
             "`--new_cluster` starts over"),
    Scenario(12, "the program is killed, or the computer crashes",
             "the next start sends only what was not recorded as acknowledged, in the chunks it "
             "was begun with; at most one second's worth is sent twice"),
    Scenario(13, "the ledger is damaged",
             "it is set aside under a dated name and rebuilt from the tables; at worst, files are "
             "uploaded again"),
    Scenario(14, "the disk of the state directory is full, or becomes read-only",
             "nothing more is started until it can be recorded; uploading then continues "
             "automatically"),
    Scenario(15, "a second instance is started on the same directory and topic",
             "refused with status 2, and the message names the running process; the lock of a "
             "dead process is taken over"),
    Scenario(16, "`--chunk_size` is changed while files are half sent",
             "those files are finished with the old size, all others use the new one"),
    Scenario(17, "a thread of the program ends with an error",
             "the error is logged with its traceback and shown; the thread is restarted, or the "
             "program stops with status 1"),
    Scenario(18, "a signal arrives, stdin or the terminal closes, or the process is suspended",
             "SIGINT, SIGTERM and SIGHUP do what `quit` does; a closed stdin stops nothing; a "
             "suspended process continues where it was"),
    Scenario(19, "a file is empty, is filled later, or becomes empty after it was uploaded",
             "each of its contents is uploaded; an empty file is one message without data"),
    Scenario(20, "a file is appended to for minutes",
             "it is shown as still changing, and uploaded once it stops changing"),
    Scenario(21, "a file is rewritten in place while it is being sent, and its time restored",
             "each slice is compared with what was hashed, so no message mixes two contents; the "
             "version is abandoned and the new one is uploaded"),
    Scenario(22, "a file is truncated, grows, is replaced, renamed or deleted before, while or "
             "after it is sent",
             "a version already begun is finished if its bytes are still available; then the "
             "newest content is uploaded, in such a way that consumers drop the old one"),
    Scenario(23, "a file appears and disappears within the lag time",
             "nothing of it is sent; of an editor's temporary files, only those that stay are"),
    Scenario(24, "a full directory is moved in",
             "all its files are found, and those added to it later"),
    Scenario(25, "thousands of nested directories are filled in a burst",
             "the next scan finds what the events missed"),
    Scenario(26, "the system drops file events, or allows too few watches",
             "a message says so and names the sysctl to raise; the directory is scanned again at "
             "once"),
    Scenario(27, "the upload directory is renamed, replaced or unmounted",
             "`source offline` is shown, no file counts as deleted, and work continues when the "
             "directory is back"),
    Scenario(28, "a file or directory cannot be read, or reading hangs",
             "it is held with the reason and retried, less and less often; other files are not "
             "delayed"),
    Scenario(29, "names are odd: quotes, newlines, escapes, emoji, markup",
             "they arrive unchanged and are displayed safely; a name that is not valid UTF-8 is "
             "refused with a message"),
    Scenario(30, "there are links, FIFOs, sockets, devices, or sparse files",
             "links are skipped unless `--follow_symlinks` is given, special files always, with "
             "one message each; nothing hangs, and nothing outside the directory is sent"),
    Scenario(31, "clocks are wrong: files from the future or 1970, a clock set back",
             "the lag time uses a clock that cannot be set; file times are sent unchanged"),
    Scenario(32, "OpenMSIStream's own tables are in the state directory",
             "they are imported, nothing is sent twice, and unreadable rows are listed"),
    Scenario(33, "the topic is deleted and created again while the program runs",
             "noticed within seconds, even when idle; the program ends with status 2, and no "
             "interrupted version counts as uploaded; `--new_cluster` starts over"),
    Scenario(34, "the program is stopped or killed before it could record what it had found",
             "those files count as new at the next start; until then they are reported as not "
             "recorded"),
    Scenario(35, "the state directory or the ledger is removed while the program runs",
             "ledger, tables and log are recreated from memory; if that fails, nothing more is "
             "sent and the program ends with status 1"),
    Scenario(36, "nothing is acknowledged, although the broker is connected",
             "within about 10 s a message gives the reason and the remedy: replicas out of sync, "
             "a partition without a leader, a wrong clock, an advertised address that cannot be "
             "reached; a quit ends after 15 s"),
    Scenario(37, "the topic's `max.message.bytes` is lowered while the program runs",
             "requests become smaller; a file is held only if a single chunk is too large"),
    Scenario(38, "a file is written through a memory map, or its size and time are restored",
             "when it is closed, or its change time differs, it is read again in spare time and "
             "uploaded if its content differs; a change of permissions alone is never an upload"),
    Scenario(39, "directories leave the tree and come back, or the system allows no watches at "
             "all",
             "the observer is replaced and the directory scanned at once; if nothing can be "
             "watched, scans continue alone and the message names the limit to raise"),
    Scenario(40, "a file system is mounted inside the upload directory",
             "it is watched from then on; if it reports no changes, a message says so"),
    Scenario(41, "nobody reads the log or the answers: Ctrl+S, a pager, a full pipe",
             "uploads continue; lines are dropped, counted, and reported"),
    Scenario(42, "an `--upload_regex` would take forever on a name",
             "after one second that file counts as failed, with the reason; nothing else waits"),
    Scenario(43, "links or FIFOs are planted in the state directory, or tables and ledger contain "
             "impossible values",
             "the start is refused and the message names the path; rows that contradict "
             "themselves, the file or the topic are ignored, and kept"),
    Scenario(44, "the locale is not UTF-8",
             "file names are UTF-8 all the same; a terminal in another encoding gets the plain "
             "program"),
    Scenario(45, "a partition loses messages that it had acknowledged (an unclean election)",
             "noticed within seconds; the files concerned are uploaded again, or named if they no "
             "longer exist"),
)


def table() -> str:
    """Return the table in Markdown."""
    rows = [f"| {scenario.when} | {scenario.then} |" for scenario in SCENARIOS]
    return "\n".join(["| when | what the program does |", "| --- | --- |", *rows])


if __name__ == "__main__":
    print(table())
