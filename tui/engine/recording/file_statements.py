"""The statements that record what was seen of files, and what became of them."""

from __future__ import annotations

from tui.engine.model.files import FileState

_SEEN = """INSERT INTO files (directory, name, n_bytes, mtime_ns, inode, ctime_ns, since, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, {state}) ON CONFLICT (directory, name) DO UPDATE SET
    n_bytes = excluded.n_bytes, mtime_ns = excluded.mtime_ns, inode = excluded.inode,
    ctime_ns = excluded.ctime_ns, since = excluded.since, state = excluded.state, reason = ''"""
# The file number stays that of the file at rest, so that a kill does not forget a replacement.
SETTLING = _SEEN.format(state=int(FileState.SETTLING)).replace(
    "inode = excluded.inode",
    "inode = CASE WHEN rest_state IS NULL THEN excluded.inode ELSE inode END")
FOUND_AT_START = """INSERT INTO files (directory, name, n_bytes, mtime_ns, inode, ctime_ns,
    since, state, rest_state, rest_n_bytes, rest_mtime_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?3, ?4)
    ON CONFLICT (directory, name) DO NOTHING"""
LEFT_ALONE = """INSERT INTO files (directory, name, n_bytes, mtime_ns, inode, ctime_ns,
    since, state, rest_state, rest_n_bytes, rest_mtime_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?3, ?4)
    ON CONFLICT (directory, name) DO UPDATE SET
    n_bytes = excluded.n_bytes, mtime_ns = excluded.mtime_ns, inode = excluded.inode,
    ctime_ns = excluded.ctime_ns, since = excluded.since, state = 0, reason = '', rest_state = 0,
    rest_n_bytes = excluded.n_bytes, rest_mtime_ns = excluded.mtime_ns"""
WAITING = """INSERT INTO files
    (directory, name, n_bytes, mtime_ns, inode, ctime_ns, since, state, position, acks)
    VALUES (?, ?, ?, ?, ?, ?, ?, 2, ?, ?) ON CONFLICT (directory, name) DO UPDATE SET
    n_bytes = excluded.n_bytes, mtime_ns = excluded.mtime_ns, inode = excluded.inode,
    ctime_ns = excluded.ctime_ns, in_doubt = 0, since = excluded.since, state = 2,
    position = excluded.position, acks = excluded.acks,
    reason = '', next_attempt = NULL"""
_IS_AS_SENT = "state = 2 AND position = v.column5"
#: Takes (file_id, n_bytes, mtime_ns, partition, position, since). The time of the last change that
#: was seen before the file was read counts; where it was seen to change since, none does.
AT_REST = (
    "UPDATE files SET rest_state = 4, rest_n_bytes = v.column2, "
    "rest_mtime_ns = v.column3, partition = v.column4, n_attempts = 0, must_send = 0, "
    f"cut_size = NULL, rest_ctime_ns = iif({_IS_AS_SENT}, nullif(ctime_ns, 0), -1), "
    f"state = iif({_IS_AS_SENT}, 4, state), since = iif({_IS_AS_SENT}, v.column6, since), "
    f"reason = iif({_IS_AS_SENT}, '', reason), "
    f"next_attempt = iif({_IS_AS_SENT}, NULL, next_attempt) "
    "FROM (VALUES (?, ?, ?, ?, ?, ?)) v WHERE file_id = v.column1")
