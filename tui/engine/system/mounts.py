"""Which file system holds a directory, and what is to be expected of it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

#: File systems whose changes on other machines or layers reach no native observer.
_SILENT_FILE_SYSTEMS = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs",
    "beegfs", "vboxsf", "prl_fs", "davfs", "ncpfs"})

#: File systems on which a file keeps its number as long as it lives.
_STABLE_NUMBERS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs"})


def keeps_file_numbers(kind: str) -> bool:
    """Return whether another inode number surely means another file on this file system."""
    return kind in _STABLE_NUMBERS


def mount_point(path: Path) -> str:
    """Return the directory at which the file system of an existing path is mounted."""
    real = Path(os.path.realpath(path))
    return str(next((p for p in (real, *real.parents) if os.path.ismount(p)), real.anchor))


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system that is mounted somewhere.

    Attributes:
        number: of this mount; another one at the same place has another.
        point: absolute path. kind: type of the file system. options: of the file system.
    """

    number: int
    point: str
    kind: str
    options: str = field(default="", compare=False)  # mounting it again with others is no news


def _all_mounts(mounts: Path) -> list[Mount]:
    found = []
    for line in mounts.read_text("utf-8", "surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        fields, (kind, _, options) = left.split(), right.split(" ", 2)
        found.append(Mount(int(fields[0]), _unescaped(fields[4]), kind, options))
    return found


def mounts_below(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> frozenset[Mount]:
    """Return the file systems that are mounted below a directory; none where that is not known.

    Args:
        path: absolute, without links.
        mounts: Linux's table of mounts (proc(5), mountinfo).
    """
    above = os.path.join(path, "")  # noqa: PTH118 (a prefix, with its separator)
    try:
        return frozenset(m for m in _all_mounts(mounts) if m.point.startswith(above))
    except (OSError, ValueError, IndexError):
        return frozenset()


def file_system_kind(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system that holds a path; empty where it cannot be known.

    Args:
        path: an existing path.
        mounts: Linux's table of mounts (proc(5), mountinfo).
    """
    with contextlib.suppress(OSError):
        real = os.path.realpath(path)
        best = ("", "", "")
        for mount in _all_mounts(mounts):
            point = mount.point
            if (real == point or real.startswith(point.rstrip("/") + "/")) \
                    and len(point) >= len(best[0]):
                best = (point, mount.kind, mount.options)
        if best[1] == "overlay" and _is_in_lower_layer(real, best[0], best[2]):
            return "overlay, lower layer"
        return best[1]
    return "network" if str(path).startswith("\\\\") else ""


def _is_in_lower_layer(real: str, point: str, options: str) -> bool:
    """Return whether a lower layer of an overlay holds the directory, within our reach."""
    lower = next((o[9:] for o in options.split(",") if o.startswith("lowerdir=")), "")
    below = os.path.relpath(real, point)
    return any(os.path.isdir(os.path.join(_unescaped(layer), below))  # noqa: PTH112, PTH118
               for layer in lower.split(":") if layer.startswith("/"))


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def delivers_events(kind: str) -> bool:
    """Return whether a file system is believed to tell a native observer of every change."""
    return not (kind in _SILENT_FILE_SYSTEMS or kind.startswith(("fuse", "overlay,"))
                or kind == "network")
