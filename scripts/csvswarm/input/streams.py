"""Streams from a file to its CSV in UTF-8: decompressed, transcoded, rewritten."""

from __future__ import annotations

import bz2
import codecs
import importlib
import io
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from csvswarm.csv_format.normalize import Normalizer
from csvswarm.errors import InputError
from csvswarm.input.tables import Report
from csvswarm.runtime import progress

READ_BYTES = 1 << 20


def decompressed(raw: BinaryIO, compression: str) -> BinaryIO:
    """Return the unpacked bytes of an open file as a stream. compression: as a Source names it."""
    if compression == "gzip":
        return _gunzipped(raw)
    if compression == "bzip2":
        return cast(BinaryIO, bz2.BZ2File(raw))
    if compression == "xz":
        return cast(BinaryIO, lzma.LZMAFile(raw))
    if compression == "zstd":
        import pyarrow as pa  # imported here: the standard library reads zstd only since Python 3.14

        return cast(BinaryIO, io.BufferedReader(Readable(pa.CompressedInputStream(raw, "zstd"))))
    return raw


def _gunzipped(raw: BinaryIO) -> BinaryIO:
    """Return the unpacked bytes of a gzip file: by isal, at three times the speed of zlib, where it is installed."""
    try:
        library = importlib.import_module("isal.igzip")  # lazy: few jobs need it
    except ImportError:
        library = importlib.import_module("gzip")
    return cast(BinaryIO, library.GzipFile(fileobj=raw, mode="rb"))


def _signs_of_damage() -> tuple[type[Exception], ...]:
    """Return the exceptions of all libraries that unpack a damaged file."""
    isal = sys.modules.get("isal.isal_zlib")
    found = (EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
    return found if isal is None else (*found, isal.error)


class Readable(io.RawIOBase):
    """Adapts an Arrow stream to Python's io."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Transcoded(io.RawIOBase):
    """A stream in another encoding, as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str, path: Path) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._encoding, self._path = encoding, path
        self._read = 0
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            data = self._stream.read(READ_BYTES)
            try:
                text = self._decoder.decode(data, final=not data)
            except UnicodeError as error:
                offset, reason = self._read + getattr(error, "start", 0), getattr(error, "reason", error)
                raise InputError(
                    f"{self._path} is not {self._encoding} text near byte {offset} ({reason}): "
                    "pass its actual encoding."
                ) from error
            self._read += len(data)
            self._rest = text.encode("utf-8")
            if not data:
                break
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class Rewritten(io.RawIOBase):
    """A stream of UTF-8 rewritten as plain CSV. Bytes that are not UTF-8 stay as they are."""

    def __init__(self, stream: BinaryIO, normalizer: Normalizer) -> None:
        self._stream, self._normalizer = stream, normalizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = b""
        self._begun = self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and not self._ended:
            data = self._stream.read(READ_BYTES)
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            mark = "\ufeff" if not self._begun and text.startswith("\ufeff") else ""
            self._begun = self._begun or bool(text)
            records = self._normalizer.feed(text.removeprefix(mark), final=self._ended)
            self._rest = (mark + records).encode("utf-8", errors="surrogateescape")
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class Rows(io.RawIOBase):
    """Pieces of CSV as a stream. Its position is that in the source file, which has `size` bytes."""

    def __init__(self, pieces: Callable[[Report], Iterator[bytes]], size: int) -> None:
        self._pieces, self._size = pieces(self._report), size
        self._rest = memoryview(b"")
        self._read = 0

    def _report(self, share: float) -> None:
        self._read = int(share * self._size)

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._read

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class Positioned:
    """A stream with the position up to which the file itself was read."""

    def __init__(self, stream: BinaryIO, raw: BinaryIO | Rows) -> None:
        self.read = stream.read
        self._raw = raw

    @property
    def position(self) -> int:
        return self._raw.tell()


class Counted:
    """A stream whose bytes count as progress of the stage that runs."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._before = stream, 0

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        position = self._stream.position
        progress.advance(0, position - self._before)
        self._before = position
        return data


class ErrorReportingStream:
    """A stream whose decompression errors report what is wrong with the file."""

    def __init__(self, stream: BinaryIO, path: Path, compression: str) -> None:
        self._stream, self._path, self._compression = stream, path, compression
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except _signs_of_damage() as error:
            if not self._compression:
                raise
            raise InputError(
                f"{self._path} is damaged or truncated: its {self._compression} stream ends badly after "
                f"{self._read} unpacked bytes ({error}). Copy or download a new one."
            ) from error
        self._read += len(data)
        return data
