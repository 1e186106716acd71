"""Encodes fields and rows of canonical text in a dialect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from csvswarm.csv_format.canonical_text import Data, join_columns, null_values
from csvswarm.csv_format.dialect import Dialect
from csvswarm.errors import OptionError
from csvswarm.runtime.lazy_imports import np, pa, pacsv, pc
from csvswarm.types.schema import NULL_VALUES


def quote_fields(text: pa.Array, dialect: Dialect) -> tuple[pa.Array, bool]:
    """Return (encoded fields, whether any is quoted).

    Fields are quoted if they contain the delimiter, the quote or a line break, or would otherwise be read as missing:
    the empty text, NA, null, ...
    """
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    needs_quotes = pc.is_in(text, value_set=null_values(), skip_nulls=True)
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    special = np.zeros(256, dtype=bool)
    special[[ord(char) for char in (dialect.delimiter, dialect.quotechar or "\n", "\n", "\r")]] = True
    positions = np.flatnonzero(special[data]) + offsets[0]
    mask = np.zeros(len(text), dtype=bool)
    if positions.size:
        mask[np.searchsorted(offsets, positions, side="right") - 1] = True
        needs_quotes = pc.or_(needs_quotes, pa.array(mask))
    if not pc.any(needs_quotes).as_py():
        return text, False
    if not dialect.quotechar:
        if positions.size:
            raise _quotes_required(text[int(np.argmax(mask))].as_py())
        return text, False
    quote = dialect.quotechar
    doubled = pc.replace_substring(text, quote, quote * 2)
    wrapped = pc.binary_join_element_wise(quote, doubled, quote, "")
    return pc.if_else(pc.fill_null(needs_quotes, False), wrapped, text), True


def quote_field(value: str, dialect: Dialect) -> str:
    """Return one text as `quote_fields` encodes it, without importing pyarrow."""
    special = any(char in value for char in (dialect.delimiter, dialect.quotechar or "\n", "\n", "\r"))
    if not special and value not in NULL_VALUES:
        return value
    if not dialect.quotechar:
        if special:
            raise _quotes_required(value)
        return value
    return dialect.quotechar + value.replace(dialect.quotechar, dialect.quotechar * 2) + dialect.quotechar


def _quotes_required(value: str) -> OptionError:
    return OptionError(
        f"{value!r} cannot be written: it needs quotes, but quotechar is empty. "
        "Omit quotechar, or pass another delimiter."
    )


def text_rows(rows: Iterable[Sequence[str | None]], dialect: Dialect) -> bytes:
    """Return rows of at least two texts as CSV, None as empty: `encode_rows` for few rows, without pyarrow."""
    lines = (dialect.delimiter.join("" if v is None else quote_field(v, dialect) for v in row) for row in rows)
    return "".join(line + dialect.lineterminator for line in lines).encode()


def to_field(text: pa.Array, kind: str | None, dialect: Dialect) -> tuple[pa.Array, bool]:
    """Return (canonical text as encoded fields, whether any is quoted)."""
    if kind in ("int", "float", "bool") and dialect.delimiter not in "+-.":
        return text, False  # numbers never need quotes
    return quote_fields(text, dialect)


def encode_rows(columns: Sequence[pa.Array], dialect: Dialect, kinds: Sequence[str | None] | None = None) -> Data:
    """Return rows of canonical text as CSV in `dialect`, without a header.

    columns: arrays of text, of one length. kinds: types of the columns, where known.
    """
    fields, special = [], False
    for column, kind in zip(columns, kinds or [None] * len(columns), strict=True):
        field, is_quoted = to_field(column, kind, dialect)
        fields.append(field)
        special |= is_quoted
    if not columns or not len(columns[0]):
        return b""
    # Arrow refuses values with a double quote, whatever the dialect's quote is.
    if not special and dialect.quotechar == '"' and dialect.lineterminator == "\n" and len(columns) > 1:
        table = pa.table(fields, names=[str(index) for index in range(len(fields))])
        sink = pa.BufferOutputStream()
        options = pacsv.WriteOptions(include_header=False, delimiter=dialect.delimiter, quoting_style="none")
        pacsv.write_csv(table, sink, options)
        return memoryview(sink.getvalue())
    if len(columns) == 1:  # a blank line is not a record, so a lone missing value is written as two quotes
        fields[0] = pc.fill_null(fields[0], dialect.quotechar * 2)
    return join_fields(fields, dialect)


def join_fields(fields: Sequence[pa.Array], dialect: Dialect, prefix: pa.Array | None = None) -> Data:
    """Return encoded fields as the bytes of whole records.

    prefix: starts of the records, each ending in the delimiter.
    """
    # Copy the long parts only once: the line terminator is joined to the short last field first.
    last = join_columns("", [fields[-1], pa.scalar(dialect.lineterminator, fields[0].type)])
    rows = join_columns(dialect.delimiter, [*fields[:-1], last]) if len(fields) > 1 else last
    return value_bytes(rows if prefix is None else join_columns("", [prefix, rows]))


def value_bytes(array: pa.Array) -> memoryview:
    """Return the concatenated bytes of all values of an array, without a copy."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    return memoryview(array.buffers()[2])[offsets[0] : offsets[-1]] if len(array) else memoryview(b"")


def with_line_terminator(data: Data, ends: Any, dialect: Dialect) -> Data:
    """Return records that end in LF at `ends` with the line terminator of the dialect."""
    if dialect.lineterminator == "\n":
        return data
    ending = np.frombuffer(dialect.lineterminator.encode(), np.uint8)
    array = np.frombuffer(data, np.uint8).copy()
    array[ends] = ending[-1]
    return (np.insert(array, ends, ending[0]) if ending.size > 1 else array).data


def encode_header(names: Sequence[str], dialect: Dialect) -> bytes:
    """Return a header record."""
    if not names:
        return dialect.lineterminator.encode()
    return text_rows([[str(name) for name in names]], dialect)
