"""Checksums of files, as receipts and reports name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from csvswarm.csv_format.canonical_text import Data
from csvswarm.errors import naming
from csvswarm.job.durable_files import open_regular


class Hashing:
    """A file that knows the checksum of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = xxhash.xxh3_128()
        self.size = 0

    def write(self, data: Data) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def described(self, name: str) -> dict[str, Any]:
        return {"name": name, "bytes": self.size, "checksum": self._digest.hexdigest()}


def checksum(data: Data) -> str:
    """Return the xxh3_128 of some bytes, in hexadecimal."""
    return xxhash.xxh3_128(data).hexdigest()


#: Read in one go for a checksum: it stays in the processor's cache.
READ_BYTES = 256 << 10


def described(path: Path) -> dict[str, Any]:
    """Return name, bytes and checksum of a regular file, as receipts name it. Raises NotRegular for anything else."""
    digest = xxhash.xxh3_128()
    size = 0
    with naming(path), open_regular(path) as file:
        buffer = memoryview(bytearray(READ_BYTES))  # one for all of it: new memory costs more than the checksum
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            size += count
    return {"name": path.name, "bytes": size, "checksum": digest.hexdigest()}
