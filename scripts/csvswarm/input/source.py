"""Open the input, plain or compressed, and report clearly what is wrong with one that cannot be read."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from csvswarm.csv_format.dialect import BOM
from csvswarm.csv_format.normalize import Normalizer, Rules
from csvswarm.errors import InputError, OptionError
from csvswarm.input.content_kind import binary_kind, text_kind

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
READ_BYTES = 1 << 20
#: How many bytes of a file show what kind of content it is.
HEAD_BYTES = 512
#: Usual ratio of unpacked to compressed size.
USUAL_UNPACK_RATIO = 5


class OpenedSource(BinaryIO):
    """An open input: its CSV as UTF-8. position: bytes read of the file itself."""

    position: int


@dataclass(frozen=True)
class Source:
    """An input file: its path, its size in bytes, its compression ("" for none), the encoding of its text.

    rules: how its text is rewritten as plain CSV, None when it is one. null_values: words for a missing value.
    """

    path: Path
    size: int
    mtime_ns: int
    compression: str
    encoding: str
    rules: Rules | None = None
    null_values: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the file's own bytes are the UTF-8 CSV, so that ranges of it can be read."""
        return not self.compression and self.encoding == "utf-8" and self.rules is None

    @property
    def likely_bytes(self) -> int:
        """About how many bytes of CSV it has: compressed text grows to about five times its size."""
        return self.size * (USUAL_UNPACK_RATIO if self.compression else 1)

    @contextmanager
    def open(self) -> Iterator[OpenedSource]:
        """Open the CSV as a stream of UTF-8 bytes. Reading raises InputError when the file is damaged."""
        with self.path.open("rb") as raw:
            stream = _decompressed(raw, self.compression)
            if self.encoding != "utf-8":
                stream = cast(BinaryIO, io.BufferedReader(_Transcoded(stream, self.encoding, self.path)))
            stream = cast(BinaryIO, _ErrorReportingStream(stream, self.path, self.compression))
            if self.rules is not None:
                rewritten = _Rewritten(stream, Normalizer(self.rules, self.null_values))
                stream = cast(BinaryIO, io.BufferedReader(rewritten))
            yield cast(OpenedSource, _Positioned(stream, raw))

    def to_json(self) -> dict[str, object]:
        return {
            "path": str(self.path),
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "compression": self.compression,
            "encoding": self.encoding,
        }


def find_source(path: Path, encoding: str = "utf-8") -> Source:
    """Look at the input file. Raises InputError when it cannot be read or is no CSV, OptionError for the encoding."""
    encoding = check_encoding(encoding)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory: name the CSV file in it.")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a regular file: save what it gives to one first.")
        with path.open("rb") as file:
            prefix = file.read(HEAD_BYTES)
        status = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path given as input.") from None
    except PermissionError:
        raise InputError(f"{path} cannot be read: you lack the permission (chmod, or run as its owner).") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not status.st_size:
        raise InputError(f"{path} is empty: a CSV needs at least a header record.")
    _refuse_binary(prefix, path)
    compression = next((name for magic, name in MAGIC.items() if prefix.startswith(magic)), "")
    return Source(path, status.st_size, status.st_mtime_ns, compression, encoding)


def check_encoding(encoding: str) -> str:
    """Return the codec's own name of a text encoding; utf-8-sig is utf-8, whose mark is recognised anyway."""
    try:
        name = codecs.lookup(encoding).name
        "".encode(encoding)
    except (LookupError, TypeError):
        raise OptionError(
            f"encoding {encoding!r} is not known to Python: use a name like utf-8, latin-1, cp1252 or utf-16."
        ) from None
    return "utf-8" if name in ("utf-8", "utf-8-sig", "ascii") else name


def _refuse_binary(prefix: bytes, path: Path) -> None:
    if kind := binary_kind(prefix):
        raise InputError(f"{path} is not a CSV file but {kind}.")


def check_text(prefix: bytes, source: Source, *, any_text: bool = False) -> None:
    """Raise InputError when the first bytes of the CSV show that it is none.

    any_text: accept text of other kinds too, because the user passed the delimiter.
    """
    _refuse_binary(prefix[:HEAD_BYTES], source.path)  # what a compressed file contains
    if not any_text and (kind := text_kind(prefix.decode("utf-8", errors="replace"))):
        raise InputError(f"{source.path} is not a CSV file but {kind}. If it is a CSV, pass its delimiter.")
    if not prefix.removeprefix(BOM).strip(b"\r\n"):
        raise InputError(f"{source.path} is empty: a CSV needs at least a header record.")
    if prefix.startswith(UTF16):
        raise InputError(f"{source.path} is UTF-16 text: add -e encoding=utf-16.")
    if b"\0" in prefix[:4096].partition(b"\n")[0]:  # further on it is the fault of one record
        raise InputError(
            f"{source.path} is not a text file (byte {prefix.index(0)} is NUL). "
            "If it is UTF-16 text, pass -e encoding=utf-16."
        )


def _decompressed(raw: BinaryIO, compression: str) -> BinaryIO:
    if compression == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
    if compression == "bzip2":
        return cast(BinaryIO, bz2.BZ2File(raw))
    if compression == "xz":
        return cast(BinaryIO, lzma.LZMAFile(raw))
    if compression == "zstd":
        import pyarrow as pa  # only here: the standard library reads zstd from Python 3.14 on

        return cast(BinaryIO, io.BufferedReader(_Readable(pa.CompressedInputStream(raw, "zstd"))))
    return raw


class _Readable(io.RawIOBase):
    """An Arrow stream as Python's io sees one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Transcoded(io.RawIOBase):
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
                    "give the encoding it is really written in."
                ) from error
            self._read += len(data)
            self._rest = text.encode("utf-8")
            if not data:
                break
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Rewritten(io.RawIOBase):
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


class _Positioned:
    """A stream that knows how far the file itself was read."""

    def __init__(self, stream: BinaryIO, raw: BinaryIO) -> None:
        self.read = stream.read
        self._raw = raw

    @property
    def position(self) -> int:
        return self._raw.tell()


class _ErrorReportingStream:
    """A stream whose decompression errors report what is wrong with the file."""

    def __init__(self, stream: BinaryIO, path: Path, compression: str) -> None:
        self._stream, self._path, self._compression = stream, path, compression
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except (EOFError, zlib.error, lzma.LZMAError, OSError, ValueError) as error:
            if not self._compression:
                raise
            raise InputError(
                f"{self._path} is damaged or cut off: its {self._compression} stream ends badly after "
                f"{self._read} unpacked bytes ({error}). Copy or download a new one."
            ) from error
        self._read += len(data)
        return data
