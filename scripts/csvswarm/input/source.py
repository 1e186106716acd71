"""Opens the input, plain or compressed, and reports why it cannot be read."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from csvswarm.csv_format.dialect import BOM
from csvswarm.csv_format.normalize import Normalizer, Rules
from csvswarm.errors import InputError, OptionError
from csvswarm.input.content_kind import binary_kind, text_kind
from csvswarm.input.streams import ErrorReportingStream, Positioned, Rewritten, Rows, Transcoded, decompressed
from csvswarm.input.tables import (
    JSON_LINES,
    PARQUET,
    PARQUET_MAGIC,
    json_lines_as_csv,
    null_word,
    parquet_as_csv,
)

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: Number of bytes from which the kind of content is recognized.
HEAD_BYTES = 512
#: Usual ratio of unpacked to compressed size.
USUAL_UNPACK_RATIO = 5


class OpenedSource(BinaryIO):
    """An open input: its CSV as UTF-8. position: bytes read of the file itself."""

    position: int


class Source(NamedTuple):
    """An input file: its path, its size in bytes, its compression ("" for none), the encoding of its text.

    rules: how its text is rewritten as plain CSV, None if it already is plain CSV. null_values: words for a missing
    value. content: PARQUET, JSON_LINES, or "" for text. columns: of JSON lines.
    """

    path: Path
    size: int
    mtime_ns: int
    compression: str
    encoding: str
    rules: Rules | None = None
    null_values: tuple[str, ...] = ()
    content: str = ""
    columns: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the file's own bytes are the UTF-8 CSV, so that ranges of it can be read."""
        return not (self.compression or self.content) and self.encoding == "utf-8" and self.rules is None

    @property
    def likely_bytes(self) -> int:
        """About how many bytes of CSV it has: compressed text grows to about five times its size."""
        return self.size * (USUAL_UNPACK_RATIO if self.compression else 1)

    @contextmanager
    def open(self) -> Iterator[OpenedSource]:
        """Open the CSV as a stream of UTF-8 bytes. Reading raises InputError when the file is damaged."""
        with self.path.open("rb") as raw:
            if self.content == PARQUET:
                rows = Rows(lambda report: parquet_as_csv(self.path, null_word(self.null_values), report), self.size)
                yield cast(OpenedSource, Positioned(self._rewritten(cast(BinaryIO, io.BufferedReader(rows))), rows))
                return
            stream = decompressed(raw, self.compression)
            if self.encoding != "utf-8":
                stream = cast(BinaryIO, io.BufferedReader(Transcoded(stream, self.encoding, self.path)))
            stream = cast(BinaryIO, ErrorReportingStream(stream, self.path, self.compression))
            if self.content == JSON_LINES:
                pieces = json_lines_as_csv(stream, self.columns, self.path, null_word(self.null_values))
                stream = cast(BinaryIO, io.BufferedReader(Rows(lambda _: pieces, 0)))
            yield cast(OpenedSource, Positioned(self._rewritten(stream), raw))

    def _rewritten(self, stream: BinaryIO) -> BinaryIO:
        if self.rules is None:
            return stream
        rewritten = Rewritten(stream, Normalizer(self.rules, self.null_values))
        return cast(BinaryIO, io.BufferedReader(rewritten))

    def to_json(self) -> dict[str, object]:
        return {
            "path": str(self.path),
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "compression": self.compression,
            "encoding": self.encoding,
        }


def find_source(path: Path, encoding: str = "utf-8") -> Source:
    """Inspect the input file. Raises InputError if it is unreadable or not a CSV, OptionError for the encoding."""
    encoding = check_encoding(encoding)
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a regular file: save its content to one first.")
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
    if prefix.startswith(PARQUET_MAGIC):
        return Source(path, status.st_size, status.st_mtime_ns, "", encoding, content=PARQUET)
    _refuse_binary(prefix, path)
    compression = next((name for magic, name in MAGIC.items() if prefix.startswith(magic)), "")
    return Source(path, status.st_size, status.st_mtime_ns, compression, encoding)


def check_encoding(encoding: str) -> str:
    """Return the canonical name of a text encoding; utf-8-sig is utf-8, whose mark is recognized anyway."""
    try:
        name = codecs.lookup(encoding).name
        "".encode(encoding)
    except (LookupError, TypeError):
        raise OptionError(
            f"encoding {encoding!r} is unknown to Python: use a name like utf-8, latin-1, cp1252 or utf-16."
        ) from None
    return "utf-8" if name in ("utf-8", "utf-8-sig", "ascii") else name


def _refuse_binary(prefix: bytes, path: Path) -> None:
    if kind := binary_kind(prefix):
        raise InputError(f"{path} is not a CSV file but {kind}.")


def check_text(prefix: bytes, source: Source, *, any_text: bool = False) -> None:
    """Raise InputError when the first bytes show that the file is not a CSV.

    any_text: accept text of other kinds too, because the user passed the delimiter.
    """
    _refuse_binary(prefix[:HEAD_BYTES], source.path)  # what a compressed file contains
    if not any_text and (kind := text_kind(prefix.decode("utf-8", errors="replace"))):
        raise InputError(f"{source.path} is not a CSV file but {kind}. If it is a CSV, pass its delimiter.")
    if not prefix.removeprefix(BOM).strip(b"\r\n"):
        raise InputError(f"{source.path} is empty: a CSV needs at least a header record.")
    if prefix.startswith(UTF16):
        raise InputError(f"{source.path} is UTF-16 text: add -e encoding=utf-16.")
    if b"\0" in prefix[:4096].partition(b"\n")[0]:  # later ones make single records bad
        raise InputError(
            f"{source.path} is not a text file (byte {prefix.index(0)} is NUL). "
            "If it is UTF-16 text, pass -e encoding=utf-16."
        )
