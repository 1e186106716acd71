"""Checksums of files, as receipts and reports record them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from csvswarm.csv_format.canonical_text import Data
from csvswarm.errors import filename_in_errors
from csvswarm.job.durable_files import open_regular


class HashingWriter:
    """A file that computes the checksum of what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = xxhash.xxh3_128()
        self.size = 0

    def write(self, data: Data) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def file_entry(self, name: str) -> dict[str, Any]:
        return {"name": name, "bytes": self.size, "checksum": self._digest.hexdigest()}


def checksum(data: Data) -> str:
    """Return the xxh3_128 of some bytes, in hexadecimal."""
    return xxhash.xxh3_128(data).hexdigest()


#: Bytes per read, so that they stay in the CPU cache.
READ_BYTES = 256 << 10


def file_entry(path: Path) -> dict[str, Any]:
    """Return name, bytes and checksum of a regular file. Raises NotRegular for anything else."""
    digest = xxhash.xxh3_128()
    size = 0
    with filename_in_errors(path), open_regular(path) as file:
        buffer = memoryview(bytearray(READ_BYTES))  # reused: new memory costs more than the checksum
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            size += count
    return {"name": path.name, "bytes": size, "checksum": digest.hexdigest()}
