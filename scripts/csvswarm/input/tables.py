"""Converts Parquet files and JSON lines to a stream of canonical CSV, so that later steps read one format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from csvswarm.csv_format.canonical_text import as_arrow, output_type, to_canonical_text
from csvswarm.csv_format.dialect import BOM, CANONICAL
from csvswarm.csv_format.record_scan import MAX_RECORD_BYTES
from csvswarm.csv_format.row_writer import encode_header, join_fields, quote_field, to_field
from csvswarm.csv_format.table_writer import encode_table
from csvswarm.errors import InputError, shown
from csvswarm.runtime.lazy_imports import pa, pc

PARQUET, JSON_LINES = "Parquet", "JSON lines"
#: First bytes of a Parquet file.
PARQUET_MAGIC = b"PAR1"
#: Bytes per read, approximate bytes decoded at a time, and rows decoded at a time.
READ_BYTES, BATCH_BYTES, MAX_ROWS = 1 << 20, 2 << 20, 1 << 14
_CONSTANTS = {"NaN": "", "Infinity": "inf", "-Infinity": "-inf"}
Report = Callable[[float], None]


def null_word(null_values: Iterable[str]) -> str:
    """Return the text of a missing value that is alone in its record, because a blank line is not a record."""
    return next((word for word in null_values if word and not set(word) & set(',"\r\n')), '""')


def parquet_as_csv(path: Path, null: str, report: Report) -> Iterator[bytes]:
    """Yield a Parquet file as CSV with a header. Raises InputError.

    null: text of a missing value that is alone in its record. report: called with the share that was read.
    """
    import pyarrow.parquet as pq  # imported here: it takes memory

    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES) as file:
            names, about = file.schema_arrow.names, file.metadata
            if not names:
                raise InputError(f"{path} is a Parquet file without columns.")
            yield encode_header(names, CANONICAL)
            size = sum(about.row_group(index).total_byte_size for index in range(about.num_row_groups))
            rows = max(1, min(MAX_ROWS, BATCH_BYTES * about.num_rows // max(size, 1)))
            done = 0
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                arrays = [_plain(array, name, path) for array, name in zip(batch.columns, names, strict=True)]
                yield bytes(_encoded(arrays, null))
                done += batch.num_rows
                report(done / about.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is a damaged Parquet file ({shown(str(error))}): rewrite or recopy it.") from error


def _encoded(arrays: Sequence[Any], null: str) -> Any:
    kinds = [output_type(array) for array in arrays]
    if len(arrays) > 1:
        return encode_table(arrays, kinds, CANONICAL)
    field, _ = to_field(to_canonical_text(arrays[0], kinds[0]), kinds[0], CANONICAL)
    return join_fields([pc.fill_null(field, null)], CANONICAL)


def _plain(array: Any, name: str, path: Path) -> Any:
    """Return an array of a type that has a canonical text: lists and other nested values become JSON."""
    array = as_arrow(array)
    if pa.types.is_nested(array.type):
        return pa.array([None if value is None else _json(value) for value in array.to_pylist()], pa.string())
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        try:
            return array.cast(pa.string())
        except pa.ArrowInvalid:
            raise InputError(
                f"{path}: column {shown(name)!r} is binary data, not UTF-8 text: leave it out of the file."
            ) from None
    return array.cast(pa.string()) if pa.types.is_date(array.type) else array


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


class _Number(str):
    """The text of a number, as written in the file."""


_DECODER = json.JSONDecoder(
    parse_int=_Number, parse_float=_Number, parse_constant=lambda name: _Number(_CONSTANTS[name])
)
#: Twice as fast, for the names alone.
_NAMES_ONLY = json.JSONDecoder(parse_int=float)


def json_columns(stream: BinaryIO, path: Path) -> tuple[str, ...]:
    """Return the names of all members of the objects of JSON lines, in the order of their first appearance."""
    names: dict[str, None] = {}
    seen: set[tuple[str, ...]] = set()
    for row, _ in _objects(stream, path, _NAMES_ONLY):
        members = tuple(row)
        if members not in seen:
            seen.add(members)
            names |= dict.fromkeys(members)
    if not names:
        raise InputError(f"{path} has no columns: its objects have no members.")
    return tuple(names)


def json_lines_as_csv(stream: BinaryIO, columns: Sequence[str], path: Path, null: str) -> Iterator[bytes]:
    """Yield JSON lines as CSV with a header. stream: UTF-8. null: as in `parquet_as_csv`. Raises InputError."""
    yield encode_header(columns, CANONICAL)
    lines: list[str] = []
    size = 0
    for row, line in _objects(stream, path, _DECODER):
        fields = [_field(row.get(name), name, line) for name in columns]
        lines.append(",".join(fields) or null)
        size += len(line)
        if size >= READ_BYTES:
            yield _bytes(lines)
            lines, size = [], 0
    yield _bytes(lines)


def _field(value: Any, name: str, line: str) -> str:
    kind = type(value)
    if kind is _Number:
        return str(value)
    if kind is str:
        return quote_field(value, CANONICAL)
    if value is None or kind is bool:
        return "" if value is None else str(value)
    return quote_field(_json(json.loads(line)[name]), CANONICAL)


def _bytes(lines: list[str]) -> bytes:
    text = "".join(f"{line}\n" for line in lines)
    try:
        return text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which makes its record bad
        return text.encode("utf-8", errors="surrogatepass")


def _objects(stream: BinaryIO, path: Path, decoder: json.JSONDecoder) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (the object, the text) of each line that is not blank. Raises InputError."""
    for number, data in enumerate(_lines(stream, path), 1):
        line = data.removeprefix(BOM if number == 1 else b"").decode("utf-8", errors="surrogateescape").strip()
        if not line:
            continue
        try:
            row = decoder.decode(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path}: line {number} is not JSON, unlike the lines before it ({error}): fix or remove it."
            ) from None
        if not isinstance(row, dict):
            raise InputError(f"{path}: line {number} is not a JSON object: {shown(line)!r}. Fix or remove it.")
        yield row, line


def _lines(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    rest = b""
    while data := stream.read(READ_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
        if len(rest) > MAX_RECORD_BYTES:
            raise InputError(f"{path} has a line of more than {MAX_RECORD_BYTES >> 20} MB: shorten it.")
    if rest:
        yield rest
