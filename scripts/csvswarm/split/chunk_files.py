"""The files of chunks, for input whose ranges cannot be read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from csvswarm.errors import filename_in_errors
from csvswarm.job.free_space import FreeSpaceGuard
from csvswarm.split.cutter import ChunkSink


class ChunkFiles:
    """Opens a file for each chunk, one after the other."""

    def __init__(self, directory: Path, room: FreeSpaceGuard, before: int) -> None:
        self._directory, self._room, self._before = directory, room, before
        self._last: _ChunkFile | None = None

    def __call__(self, number: int) -> tuple[str, ChunkSink]:
        name = f"{self._before + number:06d}.csv"
        self._last = _ChunkFile(self._directory / name, self._room)
        return name, self._last

    def abandon(self) -> None:
        """Close the file of a failed split."""
        if self._last:
            self._last.abandon()


class _ChunkFile:
    """A chunk file, durable once closed."""

    def __init__(self, path: Path, room: FreeSpaceGuard) -> None:
        self._path, self._room = path, room
        self._file = path.open("wb")

    def write(self, data: bytes | memoryview) -> None:
        self._room.before_write(len(data))
        with filename_in_errors(self._path):
            self._file.write(data)

    def close(self) -> None:
        with filename_in_errors(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def abandon(self) -> None:
        with suppress(OSError):  # the earlier error counts
            self._file.close()
