"""Read the bytes of a chunk block by block, sure that they are those that were split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash

from .chunks import Block, Chunk
from .errors import JobError, naming


class ChunkReader:
    """Streams the blocks of one chunk, verifying its checksum on the way."""

    def __init__(self, chunk: Chunk, path: Path) -> None:
        self._chunk, self._path = chunk, path
        self._hash = xxhash.xxh3_128()

    def blocks(self) -> Iterator[tuple[Block, bytes, int]]:
        """Yield (block, its bytes, number of its first record).

        Raises JobError when the bytes are not those that were split.
        """
        record = self._chunk.first_record
        if not self._chunk.blocks:
            return
        with naming(self._path), self._path.open("rb", buffering=0) as file:
            for block in self._chunk.blocks:
                data = read_range(file, block.offset, block.length)
                self._hash.update(data)
                if len(data) != block.length:
                    self._changed()
                yield block, data, record
                del data  # before the next one is read
                record += block.rows

    def verify(self) -> None:
        """Check the whole chunk's checksum; call it after the last block, or before a bad record is believed."""
        if self._chunk.blocks and self._hash.hexdigest() != self._chunk.checksum:
            self._changed()

    def verify_afresh(self) -> None:
        """Read the chunk again and check it: a record is called bad only when the file is what was split."""
        digest = xxhash.xxh3_128()
        if not self._chunk.blocks:
            return
        with naming(self._path), self._path.open("rb", buffering=0) as file:
            for block in self._chunk.blocks:
                digest.update(read_range(file, block.offset, block.length))
        if digest.hexdigest() != self._chunk.checksum:
            self._changed()

    def _changed(self) -> None:
        raise JobError(
            f"{self._path} is not the file that was split: the bytes of chunk {self._chunk.number} differ. "
            "Start a new job on the file as it is now."
        )


def read_range(file: Any, offset: int, length: int) -> bytes:
    """Read `length` bytes at `offset`; fewer only at the end of the file."""
    file.seek(offset)
    parts = []
    while length and (data := file.read(length)):
        parts.append(data)
        length -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)
