"""The start of a CSV: its dialect, its header, and where its records begin."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from csvswarm.csv_format.dialect import BOM, CANONICAL, Dialect, header_names
from csvswarm.csv_format.record_scan import Grammar, record_starts
from csvswarm.csv_format.row_writer import encode_header
from csvswarm.errors import InputError, OptionError
from csvswarm.input.content_kind import is_json_lines
from csvswarm.input.detect_layout import find_layout
from csvswarm.input.layout import Given, Layout
from csvswarm.input.source import Source, check_text
from csvswarm.input.streams import Counted
from csvswarm.input.tables import JSON_LINES, PARQUET, json_columns
from csvswarm.runtime import progress

HEAD_BYTES = 256 << 10
MAX_HEADER_BYTES = 64 << 20
#: Suffixes of files with JSON lines.
_JSON_SUFFIXES = {".jsonl", ".ndjson", ".jsonlines"}
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)")


@dataclass(frozen=True)
class InputHeader:
    """The start of the CSV: dialect, whether there is a byte order mark, the header, where the records start.

    record: the header with which the result of `transform` begins. preamble: all bytes before the records. decisions
    and warnings: what was detected, one sentence each. layout: that of the original file.
    """

    dialect: Dialect
    bom: bool
    record: bytes
    names: list[str]
    data_offset: int
    preamble: bytes
    decisions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    layout: Layout = field(default_factory=Layout)


def open_layout(source: Source, given: Given, null_values: list[str]) -> tuple[Source, InputHeader]:
    """Return the input as a source of plain CSV, and its header. Raises InputError, OptionError."""
    source = source._replace(null_values=tuple(null_values))
    if source.content == PARQUET:
        return _open_table(source, given)
    with source.open() as file:
        data = _read(file)
    text = data.removeprefix(BOM).decode("utf-8", errors="replace")
    if given.delimiter is None and is_json_lines(text, named_so=bool(_JSON_SUFFIXES & set(source.path.suffixes))):
        progress.begin("splitting", [source.size])
        with source.open() as file:
            columns = json_columns(cast(BinaryIO, Counted(file)), source.path)
        progress.finish()
        return _open_table(source._replace(content=JSON_LINES, columns=columns), given)
    check_text(data, source, any_text=given.delimiter is not None)
    tabs_first = ".tsv" in source.path.suffixes or ".tab" in source.path.suffixes
    layout = find_layout(text, len(data) < HEAD_BYTES, given, tabs_first=tabs_first)
    rules = layout.rules()
    if rules is None:
        found = read_header(
            source,
            delimiter=layout.delimiter,
            quotechar=layout.quotechar,
            header=layout.header,
            skip_lines=layout.skip_lines,
        )
    else:
        source = source._replace(rules=rules)
        found = read_header(source, delimiter=rules.out_delimiter, quotechar=rules.out_quote, header=layout.header)
    return source, _described(found, layout)


def _open_table(source: Source, given: Given) -> tuple[Source, InputHeader]:
    """Return a source other than text, and its header. Raises OptionError for options of text."""
    if passed := [name for name, value in vars(given).items() if value is not None and value is not True]:
        raise OptionError(f"{source.path} is {source.content}: leave out {passed[0]}, which is for text.")
    header = read_header(source, delimiter=CANONICAL.delimiter, quotechar=CANONICAL.quotechar)
    columns = "1 column" if len(header.names) == 1 else f"{len(header.names)} columns"
    return source, replace(header, decisions=[f"The file is {source.content}, with {columns}."])


def _described(header: InputHeader, layout: Layout) -> InputHeader:
    return replace(header, decisions=layout.decisions, warnings=layout.warnings, layout=layout)


def read_header(
    source: Source, *, delimiter: str, quotechar: str, header: bool | list[str] = True, skip_lines: int = 0
) -> InputHeader:
    """Return the header of an input in a known dialect. Raises InputError, OptionError.

    header: whether the first record is the header; or the names of the columns, if it has none. skip_lines: lines
    before the first record.
    """
    with source.open() as file:
        prefix = _read(file)
        check_text(prefix, source, any_text=True)
        bom = prefix.startswith(BOM)
        prefix, skip = _skipped(prefix, len(BOM) if bom else 0, skip_lines, file)
        dialect = Dialect(delimiter, quotechar)
        grammar = Grammar(dialect)
        while True:
            prefix = grammar.complete_piece(prefix, file)
            structure = grammar.scan(prefix[skip:])
            text = prefix[skip:]
            for start, end in zip(record_starts(structure.ends).tolist(), structure.ends.tolist(), strict=True):
                if record := text[start : end + 1].rstrip(b"\r\n"):
                    terminator = text[start + len(record) : end + 1].decode("ascii")
                    return _input_header(
                        prefix, replace(dialect, lineterminator=terminator), bom, record, skip, end + 1, header
                    )
            more = file.read(max(len(prefix), HEAD_BYTES))
            if not more:
                break
            prefix += more
            if len(prefix) > MAX_HEADER_BYTES:
                raise InputError(
                    f"{source.path}: the header does not end within {MAX_HEADER_BYTES >> 20} MB; is it a CSV?"
                )
    if structure.ends_inside_quotes:
        raise InputError(f"{source.path}: the header opens a quote that is never closed.")
    if not (record := text.strip(b"\r\n")):
        raise InputError(f"{source.path} has no record after the {skip_lines} lines that skip_lines skips.")
    return _input_header(prefix, dialect, bom, record, skip, len(text), header)


def _skipped(prefix: bytes, skip: int, lines: int, file: BinaryIO) -> tuple[bytes, int]:
    """Return (the prefix, extended as necessary, the offset after this many lines)."""
    while lines:
        found = _LINE.match(prefix, skip)
        if found is not None and (found.end() < len(prefix) or found[0].endswith(b"\n")):
            skip, lines = found.end(), lines - 1
        elif more := file.read(HEAD_BYTES):
            prefix += more
        else:
            return prefix, len(prefix)
    return prefix, skip


def _input_header(
    prefix: bytes, dialect: Dialect, bom: bool, record: bytes, skip: int, size: int, header: bool | list[str]
) -> InputHeader:
    """Return the prefix of a file whose first record is `record`. size: bytes from `skip` to the end of that record."""
    if header is True:
        return InputHeader(dialect, bom, record, header_names(record, dialect), skip + size, prefix[: skip + size])
    fields = len(header_names(record, dialect))
    names = header or [f"column_{number}" for number in range(1, fields + 1)]
    if len(names) != fields:
        raise OptionError(f"header has {len(names)} names, but the first record has {fields} fields.")
    return InputHeader(
        dialect, bom, encode_header(names, replace(dialect, lineterminator="")), names, skip, prefix[:skip]
    )


def _read(file: BinaryIO) -> bytes:
    data = file.read(HEAD_BYTES)
    while len(data) < HEAD_BYTES and (more := file.read(HEAD_BYTES - len(data))):
        data += more
    return data


def with_source_name(source: Source, error: InputError) -> InputError:
    """Return the error with the name of the file in its message."""
    return error if str(error).startswith(str(source.path)) else InputError(f"{source.path}: {error}")
