"""Rejects an input that unpacks to more than the free disk space, before the disk is full."""

from __future__ import annotations

import shutil
from pathlib import Path

from csvswarm.errors import InputError

#: Reserved space: a share of the disk, up to a number of bytes.
RESERVED_SHARE, MAX_RESERVED = 0.05, 1 << 30
#: Bytes between two checks of the disk.
CHECK_INTERVAL_BYTES = 16 << 20


class FreeSpaceGuard:
    """Checks the free space of a directory's disk while an input of unknown size is unpacked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._done = self._since = self._counted = 0

    def before_write(self, size: int) -> None:
        """Announce that `size` bytes will be written next. Raises InputError if too little space would remain."""
        self._done += size
        self._since += size
        if self._since >= CHECK_INTERVAL_BYTES:
            self._check(self._done, self._since)
            self._since = 0

    def add_expected(self, size: int) -> None:
        """Add `size` bytes to be written later. Raises InputError if all of them need too much space."""
        self._counted += size
        if self._counted % CHECK_INTERVAL_BYTES < size:
            self._check(self._counted, self._counted)

    def _check(self, unpacked: int, coming: int) -> None:
        usage = shutil.disk_usage(self._directory)
        reserved = min(MAX_RESERVED, int(usage.total * RESERVED_SHARE))
        if usage.free - coming < reserved:
            raise InputError(
                f"the input needs more than {unpacked >> 20} MB unpacked, but {self._directory} has "
                f"{usage.free >> 20} MB free, of which {reserved >> 20} MB are reserved: free some space, "
                "or unpack the file elsewhere and pass the unpacked one."
            )
