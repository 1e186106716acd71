"""Fuzz targets: each accepts any bytes and numbers, and raises AssertionError on a bug."""

from __future__ import annotations

import csv
import io
import math
import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.normalize import Rules, normalized
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.errors import InputError, OptionError
from csvswarm.expressions.rowwise import Expression
from csvswarm.input.header import read_header
from csvswarm.input.source import find_source
from csvswarm.job.chunk import Chunk
from csvswarm.job.directory import JobDirectory
from csvswarm.job.request import Request
from csvswarm.reading.block_reader import Reader
from csvswarm.reading.rows import Rows
from csvswarm.split.chunking import cut_input
from csvswarm.split.cutter import Cutter, even_targets
from csvswarm.types.schema import NULL_VALUES, Schema

from tests.fuzz import reference_reader
from tests.support.reference_record_scan import count_records, is_unclosed, record_texts
from tests.unit.expressions.expression_cases import COLUMNS, EVERY_EXPRESSION, FRAME, assert_same_in_any_blocks

COMMA = Dialect()


def scan(data: bytes, size: int) -> None:
    """Records end according to the grammar, however the bytes arrive; Python's csv module reads the same fields."""
    grammar, file = Grammar(COMMA), io.BytesIO(data)
    ends, inside, before, base = [], False, 10, 0
    while piece := grammar.read_piece(file, size):
        structure = grammar.scan(piece, previous_byte=before, inside_quotes=inside)
        ends += [base + int(end) for end in structure.ends]
        inside, before, base = structure.ends_inside_quotes, piece[-1], base + len(piece)
    texts = record_texts(data)
    expected, offset = [], 0
    for text in texts:
        offset += len(text)
        expected.append(offset - 1)
    if texts and (inside or not data.endswith((b"\n", b"\r"))):
        expected.pop()
    assert ends == expected, (ends, expected)
    assert inside == is_unclosed(data)
    _like_csv(data, inside)


def _like_csv(data: bytes, inside: bool) -> None:
    try:
        rows = reference_reader.csv_rows(data)
    except (UnicodeDecodeError, csv.Error):
        return
    if not inside:
        assert [
            [text for text, _ in reference_reader.fields(record)] for record in reference_reader.records(data)
        ] == rows


def normalize(data: bytes, piece: int, width: int) -> None:
    """Text rewritten with its columns in reverse order has the same values, in whatever pieces it arrives."""
    text = data.decode(errors="surrogateescape")
    rules = Rules(",", '"', width=width, columns=(-1, *reversed(range(width))), added="file")
    try:
        whole = "".join(normalized([text], rules, NULL_VALUES))
    except InputError:
        assert is_unclosed(data)
        return
    assert "".join(normalized(re.findall(f"(?s).{{1,{piece}}}", text), rules, NULL_VALUES)) == whole
    expected, found = (
        [reference_reader.fields(record) for record in reference_reader.records(csv_data)]
        for csv_data in (data, whole.encode(errors="surrogateescape"))
    )
    missing, file = ("", False), ("file", False)
    for record, rewritten in zip(expected, found, strict=True):
        fits = len(record) == width
        wanted = [missing, *reversed(record), file] if fits else [*record, missing, file]
        assert [value for value, _ in rewritten] == [value for value, _ in wanted]
        # Quotes stay, because they decide whether NA is missing; others are added where a value needs them.
        assert all(was <= now for (_, was), (_, now) in zip(wanted, rewritten, strict=True))


def cut(data: bytes, count: int, piece: int, block: int) -> None:
    """Chunks and blocks are contiguous and have the right record numbers."""
    cutter, grammar, file = (
        Cutter(COMMA, offset=0, next_target=even_targets(0, len(data), count), block_bytes=block),
        Grammar(COMMA),
        io.BytesIO(data),
    )
    try:
        while part := grammar.read_piece(file, piece):
            cutter.feed(part)
        chunks = cutter.finish()
    except InputError:
        assert is_unclosed(data)
        return
    _check_chunks(data, 0, chunks, count)


def _check_chunks(data: bytes, start: int, chunks: list[Chunk], count: int) -> None:
    assert not is_unclosed(data[start:])
    assert 0 < len(chunks) <= count
    record = 1
    for chunk in chunks:
        assert chunk.offset == start
        assert chunk.rows == count_records(data[start : start + chunk.length])
        assert chunk.first_record == record
        for part in chunk.blocks:
            assert part.offset == start
            assert part.rows == count_records(data[start : start + part.length])
            start += part.length
        assert start == chunk.offset + chunk.length
        record += chunk.rows
    assert start == len(data)


@cache
def _work_directory() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="csvswarm-fuzz-")
    _KEPT.append(directory)
    path = Path(directory.name)
    JobDirectory(path / "job").create()
    return path


_KEPT: list[Any] = []


def ranges(data: bytes, count: int, guess: int, block: int) -> None:
    """Ranges with guessed starts have the same boundaries as in a scan from the start of the file."""
    directory = _work_directory()
    path = directory / "data.csv"
    path.write_bytes(data)
    try:
        source = find_source(path)
        header = read_header(source, delimiter=",", quotechar='"')
    except (InputError, OptionError):
        return
    request = Request(input=path, chunks=count, workers=1, block_bytes=block)
    with mock.patch("csvswarm.split.chunking.GUESS_BYTES", guess):
        try:
            chunks = cut_input(JobDirectory(directory / "job"), source, header, request, "ranges")
        except InputError:
            assert is_unclosed(data[header.data_offset :])
            return
    _check_chunks(data, header.data_offset, chunks, count)


def read(data: bytes, width: int, block: int) -> None:
    """Fields, missing values, bad records, types and values follow docs/format.md, in blocks and in one piece."""
    if is_unclosed(data):
        return
    names = [f"c{index}" for index in range(width)]
    records = reference_reader.records(data)
    good = [(number, record) for number, record in enumerate(records, 1) if not reference_reader.is_bad(record, width)]
    rows = [[reference_reader.text_of(field) for field in reference_reader.fields(record)] for _, record in good]
    columns = {name: [row[index] for row in rows] for index, name in enumerate(names)}
    types = {name: reference_reader.type_of(column) for name, column in columns.items()}

    texts = Schema({name: frozenset({"text"}) for name in names})
    reader = _reader(names, texts)
    seen = reader.read(data, 1, len(records))
    assert seen.numbers.tolist() == [number for number, _ in good]
    assert seen.table.to_pydict() == columns
    assert sorted(bad.record for bad in reader.rejected) == sorted(
        set(range(1, len(records) + 1)) - {number for number, _ in good}
    )

    schema = Schema({name: frozenset() for name in names}).widen([_reader(names, texts).observe(data, 1)])
    assert schema.types == types
    parts = _blocks(data, block)
    assert texts_free(names).widen([_reader(names, texts).observe(part, 1) for part in parts]).types == types
    expected = {
        name: [reference_reader.value_of(text, types[name]) for text in column] for name, column in columns.items()
    }
    _same(_reader(names, schema).read(data, 1, len(records)), expected)
    record = 1
    pieces = []
    for part in parts:
        count = count_records(part)
        pieces.append(_reader(names, schema).read(part, record, count).table)
        record += count
    joined = {name: [value for piece in pieces for value in piece.column(name).to_pylist()] for name in names}
    _same_values(joined, expected)


def texts_free(names: list[str]) -> Schema:
    """Return a schema without any observed types."""
    return Schema({name: frozenset() for name in names})


def _reader(names: list[str], schema: Schema) -> Reader:
    return Reader(
        dialect=COMMA, names=names, schema=schema, columns=names, null_values=NULL_VALUES, source="it", quarantine=True
    )


def _blocks(data: bytes, size: int) -> list[bytes]:
    """Return runs of whole records of at least `size` bytes each."""
    blocks, pending = [], b""
    for text in record_texts(data):
        pending += text
        if len(pending) >= size:
            blocks.append(pending)
            pending = b""
    return [*blocks, pending] if pending or not blocks else blocks


def _same(rows: Rows, expected: dict[str, list[object]]) -> None:
    _same_values(rows.table.to_pydict(), expected)


def _same_values(found: dict[str, list[object]], expected: dict[str, list[object]]) -> None:
    for name, values in expected.items():
        assert [_exact(value) for value in found[name]] == [_exact(value) for value in values], (name, found, expected)


def _exact(value: object) -> object:
    return (type(value).__name__, repr(value)) if isinstance(value, float) else value


#: After an empty line ended by a lone carriage return, pandas ignores an empty first field.
PANDAS_LOSES_A_FIELD = re.compile(rb"(^|[\r\n])\r,")


def like_pandas(data: bytes, width: int) -> None:
    """If pandas also reads numbers in a single pass, they are the same; so are texts."""
    if is_unclosed(data) or not data.isascii() or PANDAS_LOSES_A_FIELD.search(data):
        return
    records = reference_reader.records(data)
    if not records or any(reference_reader.is_bad(record, width) for record in records):
        return
    names = [f"c{column}" for column in range(width)]
    empty = texts_free(names)
    schema = empty.widen([_reader(names, empty).observe(data, 1)])
    table = _reader(names, schema).read(data, 1, len(records)).table
    header = ",".join(names).encode() + b"\n"
    options: dict[str, Any] = {"skip_blank_lines": True, "index_col": False}
    typed = pd.read_csv(io.BytesIO(header + data), **options)
    plain = pd.read_csv(io.BytesIO(header + data), dtype=str, keep_default_na=False, na_filter=False, **options)
    if len(plain) != len(records):
        return  # pandas skips a line of blanks
    for name in names:
        ours = table.column(name).to_pylist()
        kind = schema.type_of(name)
        if kind in ("text", "quoted"):
            fields = plain[name].tolist()
            assert all(ours_ in (None, theirs) for ours_, theirs in zip(ours, fields, strict=True)), (name, ours)
        elif kind in ("int", "float") and pd.api.types.is_numeric_dtype(typed[name]):
            theirs = [None if pd.isna(value) else value for value in typed[name].tolist()]
            if kind == "int" and any(value is None for value in theirs):
                continue  # pandas converted them to floats, and may have lost digits
            assert all(_equal(a, b) for a, b in zip(ours, theirs, strict=True)), (name, ours, theirs)


def _equal(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return bool(ours == theirs) and math.copysign(1, ours) == math.copysign(1, theirs)


#: Python's audit events of running code or of access outside of the process.
EVENTS = ("exec", "import", "open", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "marshal.")
_SEEN: list[str] = []


@cache
def _watch() -> None:
    """Record audit events from now on, after importing all lazily imported modules."""
    for text in EVERY_EXPRESSION:
        Expression(text, COLUMNS, "it").value(FRAME)
    sys.addaudithook(lambda event, _: _SEEN.append(event) if event.startswith(EVENTS) else None)


def expression(text: str) -> None:
    """An expression is refused with a message or has the same result in any blocks, and runs no code."""
    _watch()
    _SEEN.clear()
    assert_same_in_any_blocks(text)
    in_zones = "tz_" in text  # time zone data is read from a file
    assert not _SEEN or in_zones, (text, _SEEN)
