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
             "files are watched and queued, said once; sending begins by itself when it comes"),
    Scenario(2, "the broker is lost in the middle of a file, for longer than `message.timeout.ms`",
             "reading stops when the internal queue is full; every chunk is sent after its return"),
    Scenario(3, "the broker restarts, or connections are cut again and again",
             "chunks that were not acknowledged are sent again; nothing is lost"),
    Scenario(4, "the producer fails for good (a fatal error)",
             "a new producer is built, and only what was not acknowledged goes again"),
    Scenario(5, "the topic does not exist",
             "it is named and asked for again; sending begins within a minute of its creation"),
    Scenario(6, "the right to write is missing",
             "files are held, the principal and the missing right are named; held files are tried "
             "again by themselves, without a restart"),
    Scenario(7, "the password, the CA, the certificate or the protocol is wrong",
             "a message within seconds says which; no secret is shown"),
    Scenario(8, "a chunk is larger than the client or the topic allows",
             "it is refused at the start where the limit is known, else the file is held and the "
             "settings to change are named"),
    Scenario(9, "you quit while the broker is down",
             "it ends after 15 s without an acknowledgement, with status 1, and says what is left; "
             "a second quit ends at once; the next start sends the rest"),
    Scenario(10, "the broker throttles, or the network is slow",
             "the rate and the time left stay honest, and throttling is shown; nothing times out"),
    Scenario(11, "another Kafka cluster answers under the same name",
             "nothing is sent to it; status 2, both ids are named; `--new_cluster` begins anew"),
    Scenario(12, "the program is killed, or the computer dies",
             "the next start sends only what was not recorded as acknowledged, cut as it was "
             "begun; at most a second's worth goes twice"),
    Scenario(13, "the ledger is damaged",
             "it is set aside under a dated name and rebuilt from the tables; sending again is "
             "the worst that follows"),
    Scenario(14, "the disk of the state directory is full, or becomes read-only",
             "nothing more is begun until it can be recorded; sending goes on by itself then"),
    Scenario(15, "a second instance is started on the same directory and topic",
             "it is refused with status 2 and names the process at work; the lock of a process "
             "that is gone is taken over"),
    Scenario(16, "`--chunk_size` is changed while files are half sent",
             "what was begun is finished in the old size, the rest goes in the new one"),
    Scenario(17, "a thread of the program ends by an error",
             "it is logged with its traceback and shown; the thread is started again, or the "
             "program stops with status 1"),
    Scenario(18, "a signal arrives, stdin or the terminal closes, or the process is suspended",
             "SIGINT, SIGTERM and SIGHUP do what `quit` does; a closed stdin stops nothing; a "
             "suspended process goes on where it was"),
    Scenario(19, "a file is empty, is filled later, or becomes empty after it was uploaded",
             "each of its contents is uploaded; an empty file is one message without data"),
    Scenario(20, "a file is appended to for minutes",
             "it is shown as still changing and uploaded once it rests"),
    Scenario(21, "a file is rewritten in place while it is sent, its time restored",
             "each slice is compared with the pass that hashed the file: no message mixes two "
             "contents, the version is abandoned, and the new one follows"),
    Scenario(22, "a file is truncated, grows, is replaced, renamed or deleted before, while or "
             "after it is sent",
             "a begun version is finished where its bytes can still be had; the newest content "
             "follows, sent so that consumers let go of the old one"),
    Scenario(23, "a file comes and goes within the lag time",
             "nothing is sent of it; of an editor's temporary files only what rests is sent"),
    Scenario(24, "a full directory is moved in",
             "all its files are found, and those added inside it later"),
    Scenario(25, "thousands of nested directories are filled in a burst",
             "what events miss is found by the next scan"),
    Scenario(26, "the system drops file events, or allows too few watches",
             "the loss is said, with the sysctl to raise; the directory is scanned again at once"),
    Scenario(27, "the upload directory is renamed, replaced or unmounted",
             "`source offline` is shown, nothing is taken for deleted, and it goes on when the "
             "directory is back"),
    Scenario(28, "a file or directory cannot be read, or reading hangs",
             "it is held with the reason and tried again, less and less often; other files go on"),
    Scenario(29, "names are odd: quotes, newlines, escapes, emoji, markup",
             "they arrive as they are and are shown harmlessly; a name that is not valid UTF-8 is "
             "refused, visibly"),
    Scenario(30, "there are links, FIFOs, sockets, devices, or sparse files",
             "links are skipped unless `--follow_symlinks`, special files always, each said once; "
             "nothing hangs, and nothing outside the directory is sent"),
    Scenario(31, "clocks are wrong: files from the future or 1970, a clock set back",
             "the lag time is measured on a clock that nobody sets; times are sent as they are"),
    Scenario(32, "OpenMSIStream's own tables are in the state directory",
             "they are taken over, nothing is sent twice, and rows that cannot be read are listed"),
    Scenario(33, "the topic is deleted and made anew while the program runs",
             "noticed within seconds, also when idle; status 2, and nothing of a version that was "
             "interrupted counts as uploaded; `--new_cluster` begins anew"),
    Scenario(34, "the program is stopped or killed before it could record what it had found",
             "those files count as new at the next start; until then they are counted as not "
             "recorded"),
    Scenario(35, "the state directory or the ledger is removed while the program runs",
             "ledger, tables and log are made anew from what is in memory; where that cannot be, "
             "nothing more is sent and the program ends with status 1"),
    Scenario(36, "nothing is acknowledged, although the broker is connected",
             "the reason and what to do are said within some 10 s: replicas out of sync, a "
             "partition without a leader, a wrong clock, an advertised address that cannot be "
             "reached; a quit ends after 15 s"),
    Scenario(37, "the topic's `max.message.bytes` is lowered while the program runs",
             "requests are made smaller; only a chunk that is too large by itself holds its file"),
    Scenario(38, "a file is written through a memory map, or its size and time are restored",
             "its closing, or its time of change, has it read again in spare time, and it is sent "
             "if its content is another; other permissions cost reading and never an upload"),
    Scenario(39, "directories leave the tree and come back, or the system lets nothing be watched",
             "the observer is replaced, the directory scanned at once; where there can be none, "
             "scans go on alone and the limit to raise is named"),
    Scenario(40, "a file system is mounted inside the upload directory",
             "it is watched from then on; of one that tells of no changes, that is said"),
    Scenario(41, "nobody reads the log or the answers: Ctrl+S, a pager, a full pipe",
             "uploads go on; lines are dropped, counted, and said"),
    Scenario(42, "an `--upload_regex` would take for ever on a name",
             "after a second that file counts as failed, with the reason; nothing else waits"),
    Scenario(43, "links or FIFOs are laid in the state directory, or tables and ledger tell what "
             "cannot be",
             "the start is refused and names the path; rows that contradict themselves, the file "
             "or the topic are not believed, and kept"),
    Scenario(44, "the locale is not UTF-8",
             "names are UTF-8 all the same; a terminal in another encoding gets the plain program"),
    Scenario(45, "a partition loses what it had acknowledged (an unclean election)",
             "noticed within seconds; the files whose records are gone are sent again, or named "
             "where they are no longer there"),
)


def table() -> str:
    """Return the table in Markdown."""
    rows = [f"| {scenario.when} | {scenario.then} |" for scenario in SCENARIOS]
    return "\n".join(["| when | the program's answer |", "| --- | --- |", *rows])


if __name__ == "__main__":
    print(table())
