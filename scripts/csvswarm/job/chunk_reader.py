"""Reads the bytes of a chunk block by block, and verifies that they have not changed since the split."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash

from csvswarm.errors import JobError, filename_in_errors
from csvswarm.job.chunk import Block, Chunk


class ChunkReader:
    """Streams the blocks of one chunk and computes its checksum."""

    def __init__(self, chunk: Chunk, path: Path) -> None:
        self._chunk, self._path = chunk, path
        self._hash = xxhash.xxh3_128()
        self._read = 0

    def blocks(self) -> Iterator[tuple[Block, bytes, int]]:
        """Yield (block, its bytes, number of its first record) for the blocks not read yet.

        Raises JobError if the bytes have changed since the split.
        """
        blocks = self._chunk.blocks[self._read :]
        record = self._chunk.first_record + sum(block.rows for block in self._chunk.blocks[: self._read])
        if not blocks:
            return
        with filename_in_errors(self._path), self._path.open("rb", buffering=0) as file:
            for block in blocks:
                data = read_range(file, block.offset, block.length)
                self._hash.update(data)
                self._read += 1
                if len(data) != block.length:
                    self._raise_changed()
                yield block, data, record
                del data  # before reading the next one
                record += block.rows

    def last_blocks(self, count: int) -> list[tuple[Block, bytes, int]]:
        """Return the last `count` blocks, as `blocks` yields them, after reading and verifying the whole chunk."""
        last = deque(self.blocks(), maxlen=count)
        self.verify()
        return list(last)

    def verify(self) -> None:
        """Verify the checksum of the whole chunk; call it after the last block."""
        if self._chunk.blocks and self._hash.hexdigest() != self._chunk.checksum:
            self._raise_changed()

    def verify_rest(self) -> None:
        """Read the rest of the chunk and verify it, before its contents are reported as bad."""
        for _ in self.blocks():
            pass
        self.verify()

    def _raise_changed(self) -> None:
        raise JobError(
            f"{self._path} has changed since the split: the bytes of chunk {self._chunk.number} differ. "
            "Start a new job on the current file."
        )


def read_range(file: Any, offset: int, length: int) -> bytes:
    """Read `length` bytes at `offset`; fewer only at the end of the file."""
    file.seek(offset)
    parts = []
    while length and (data := file.read(length)):
        parts.append(data)
        length -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)
