"""The paths that are claimed by uploading workers, and the room that they take in memory."""

from __future__ import annotations

import itertools

from tui.engine.model.files import WaitingFile
from tui.engine.sending.in_flight import InFlightLimit
from tui.engine.sending.transfer import Transfer

#: Empty files cost no bytes, but each claimed path costs memory.
_MOST_CLAIMED = 16_384


class Claims:
    """A path has one version on its way at a time, until what became of it is recorded.

    Small files are held in memory until they are acknowledged, and together they stay within the
    number of bytes that the line takes; of large ones, which are read slice by slice, a few are
    claimed at a time. The queue's lock guards this.

    Args:
        in_flight: how many bytes small files may take together; the first one always may.
        max_large: number of large files.
    """

    def __init__(self, in_flight: InFlightLimit, max_large: int) -> None:
        self._in_flight = in_flight
        self._max_large = max_large
        self._files: dict[str, WaitingFile] = {}
        self._transfers: dict[str, Transfer] = {}
        self._large: set[str] = set()
        self._n_bytes_of: dict[str, int] = {}
        self._n_bytes = self._n_bytes_aside = 0
        self._aside: dict[str, int] = {}
        self.n_uploading = 0  #: transfers that have not ended

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, rel_path: object) -> bool:
        return rel_path in self._files

    def has_room_for_large(self) -> bool:
        """Return whether one more large file may be claimed."""
        return len(self._large) < self._max_large

    def has_room_for(self, n_bytes: int) -> bool:
        """Return whether one more small file may be claimed."""
        if len(self._files) >= _MOST_CLAIMED:
            return False
        return not self._n_bytes or self._n_bytes + n_bytes <= self._in_flight.limit_bytes

    def claim_large(self, file: WaitingFile) -> None:
        """Claim the path of a large file."""
        self._files[file.rel_path] = file
        self._large.add(file.rel_path)

    def claim_small(self, file: WaitingFile) -> None:
        """Claim the path of a small file."""
        self._files[file.rel_path] = file
        self._n_bytes_of[file.rel_path] = file.n_bytes
        self._n_bytes += file.n_bytes

    def set_aside(self, rel_path: str) -> None:
        """Have a small file that cannot go for now keep its claim, and take no room from others.

        Its bytes stay in memory, as far as the user allows that.
        """
        n_bytes = self._n_bytes_of.get(rel_path)
        if n_bytes is not None and self._n_bytes_aside + n_bytes <= self._in_flight.max_bytes:
            del self._n_bytes_of[rel_path]
            self._n_bytes -= n_bytes
            self._aside[rel_path] = n_bytes
            self._n_bytes_aside += n_bytes

    def begin(self, transfer: Transfer) -> None:
        """Note the version that a claimed path has become."""
        self._transfers[transfer.version.rel_path] = transfer
        self.n_uploading += 1

    def end(self, rel_path: str) -> None:
        """Note that a transfer has ended; its path stays claimed, its room is free."""
        self.n_uploading -= 1
        self._free_room(rel_path)

    def release(self, rel_path: str) -> None:
        """Let go of a path; of one that is not claimed nothing changes."""
        self._files.pop(rel_path, None)
        self._transfers.pop(rel_path, None)
        self._free_room(rel_path)

    def transfer_of(self, rel_path: str) -> Transfer | None:
        """Return the version of a path that is on its way."""
        return self._transfers.get(rel_path)

    def transfers(self, n_most: int | None = None) -> list[Transfer]:
        """Return the versions on their way, or the first of them, in the order of their taking."""
        return list(itertools.islice(self._transfers.values(), n_most))

    def files(self) -> list[tuple[WaitingFile, Transfer | None]]:
        """Return the files that are claimed, and the versions that they have become."""
        return [(file, self._transfers.get(path)) for path, file in self._files.items()]

    def _free_room(self, rel_path: str) -> None:
        self._large.discard(rel_path)
        self._n_bytes -= self._n_bytes_of.pop(rel_path, 0)
        self._n_bytes_aside -= self._aside.pop(rel_path, 0)
