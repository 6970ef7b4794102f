"""The statements that record what was seen of files, and what became of them."""

from __future__ import annotations

from tui.engine.model.files import FileState

_SEEN_COLUMNS = "directory, name, n_bytes, mtime_ns, inode, ctime_ns, since, state"
_AS_SEEN = """n_bytes = excluded.n_bytes, mtime_ns = excluded.mtime_ns,
    ctime_ns = excluded.ctime_ns, since = excluded.since, state = excluded.state, reason = ''"""
#: Takes (directory, name, n_bytes, mtime_ns, inode, ctime_ns, since). The file number stays that of
#: the file as it was settled, so that a kill does not forget a replacement.
SETTLING = f"""INSERT INTO files ({_SEEN_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, {FileState.SETTLING:d})
    ON CONFLICT (directory, name) DO UPDATE SET {_AS_SEEN},
    inode = CASE WHEN rest_state IS NULL THEN excluded.inode ELSE inode END"""
_NOT_TAKEN = f"""INSERT INTO files ({_SEEN_COLUMNS}, rest_state, rest_n_bytes, rest_mtime_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?, {FileState.NOT_TAKEN:d}, {FileState.NOT_TAKEN:d}, ?3, ?4)
    ON CONFLICT (directory, name) DO """
#: Takes the same; what is known of a path by then stays.
FOUND_AT_START = f"{_NOT_TAKEN} NOTHING"
#: Takes the same.
NOT_TAKEN = f"""{_NOT_TAKEN} UPDATE SET {_AS_SEEN}, inode = excluded.inode,
    rest_state = {FileState.NOT_TAKEN:d}, rest_n_bytes = excluded.n_bytes,
    rest_mtime_ns = excluded.mtime_ns"""
#: Takes the same, and (position, acks, may_change).
WAITING = f"""INSERT INTO files
    (directory, name, n_bytes, mtime_ns, inode, ctime_ns, since, state, position, acks, may_change)
    VALUES (?, ?, ?, ?, ?, ?, ?, {FileState.WAITING:d}, ?, ?, ?)
    ON CONFLICT (directory, name) DO UPDATE SET {_AS_SEEN}, inode = excluded.inode, in_doubt = 0,
    position = excluded.position, acks = excluded.acks, may_change = excluded.may_change,
    next_attempt = NULL"""
_IS_AS_SENT = f"state = {FileState.WAITING:d} AND position = v.column5"
#: Takes (file_id, n_bytes, mtime_ns, partition, position, since). The time of the last change that
#: was seen before the file was read counts; where it was seen to change since, none does.
UPLOADED = f"""UPDATE files SET rest_state = {FileState.UPLOADED:d}, rest_n_bytes = v.column2,
    rest_mtime_ns = v.column3, partition = v.column4, n_attempts = 0, must_send = 0,
    cut_size = NULL, rest_ctime_ns = iif({_IS_AS_SENT}, nullif(ctime_ns, 0), -1),
    state = iif({_IS_AS_SENT}, {FileState.UPLOADED:d}, state),
    since = iif({_IS_AS_SENT}, v.column6, since), reason = iif({_IS_AS_SENT}, '', reason),
    next_attempt = iif({_IS_AS_SENT}, NULL, next_attempt)
    FROM (VALUES (?, ?, ?, ?, ?, ?)) v WHERE file_id = v.column1"""
