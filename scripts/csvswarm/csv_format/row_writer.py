"""Fields and rows of canonical text, quoted as a dialect wants it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from csvswarm.csv_format.canonical_text import Data, between, nulls
from csvswarm.csv_format.dialect import Dialect
from csvswarm.errors import OptionError
from csvswarm.runtime.lazy_imports import np, pa, pacsv, pc
from csvswarm.types.schema import NULL_VALUES


def quoted(text: pa.Array, dialect: Dialect) -> tuple[pa.Array, bool]:
    """Return (fields as they stand in the file, whether any is quoted).

    Quoted are fields that hold the delimiter, the quote or a line break, and texts that would otherwise be read as a
    missing value: the empty text, NA, null, ...
    """
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    needy = pc.is_in(text, value_set=nulls(), skip_nulls=True)
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    special = np.zeros(256, dtype=bool)
    special[[ord(char) for char in (dialect.delimiter, dialect.quotechar or "\n", "\n", "\r")]] = True
    places = np.flatnonzero(special[data]) + offsets[0]
    mask = np.zeros(len(text), dtype=bool)
    if places.size:
        mask[np.searchsorted(offsets, places, side="right") - 1] = True
        needy = pc.or_(needy, pa.array(mask))
    if not pc.any(needy).as_py():
        return text, False
    if not dialect.quotechar:
        if places.size:
            raise _needs_quotes(text[int(np.argmax(mask))].as_py())
        return text, False
    quote = dialect.quotechar
    doubled = pc.replace_substring(text, quote, quote * 2)
    wrapped = pc.binary_join_element_wise(quote, doubled, quote, "")
    return pc.if_else(pc.fill_null(needy, False), wrapped, text), True


def quoted_field(value: str, dialect: Dialect) -> str:
    """Return one text as `quoted` would have it in a file, without the import of pyarrow."""
    special = any(char in value for char in (dialect.delimiter, dialect.quotechar or "\n", "\n", "\r"))
    if not special and value not in NULL_VALUES:
        return value
    if not dialect.quotechar:
        if special:
            raise _needs_quotes(value)
        return value
    return dialect.quotechar + value.replace(dialect.quotechar, dialect.quotechar * 2) + dialect.quotechar


def _needs_quotes(value: str) -> OptionError:
    return OptionError(
        f"{value!r} cannot be written: it needs quotes, and with an empty quotechar there are none. "
        "Leave quotechar out, or name another delimiter."
    )


def text_rows(rows: Iterable[Sequence[str | None]], dialect: Dialect) -> bytes:
    """Return rows of at least two texts as CSV, None being nothing: `rows_of` for a few rows, without pyarrow."""
    lines = (dialect.delimiter.join("" if v is None else quoted_field(v, dialect) for v in row) for row in rows)
    return "".join(line + dialect.lineterminator for line in lines).encode()


def field_of(text: pa.Array, kind: str | None, dialect: Dialect) -> tuple[pa.Array, bool]:
    """Return (canonical text as fields as they stand in the file, whether any is quoted)."""
    if kind in ("int", "float", "bool") and dialect.delimiter not in "+-.":
        return text, False  # nothing in a number needs quotes
    return quoted(text, dialect)


def rows_of(columns: Sequence[pa.Array], dialect: Dialect, kinds: Sequence[str | None] | None = None) -> Data:
    """Return rows of canonical text as CSV in `dialect`, without a header.

    columns: arrays of text, of one length. kinds: what kind of column each is the text of, where that is known.
    """
    fields, special = [], False
    for column, kind in zip(columns, kinds or [None] * len(columns), strict=True):
        field, is_quoted = field_of(column, kind, dialect)
        fields.append(field)
        special |= is_quoted
    if not columns or not len(columns[0]):
        return b""
    # Arrow refuses values with a double quote, whatever the dialect's quote is.
    if not special and dialect.quotechar == '"' and dialect.lineterminator == "\n" and len(columns) > 1:
        table = pa.table(fields, names=[str(place) for place in range(len(fields))])
        sink = pa.BufferOutputStream()
        options = pacsv.WriteOptions(include_header=False, delimiter=dialect.delimiter, quoting_style="none")
        pacsv.write_csv(table, sink, options)
        return memoryview(sink.getvalue())
    if len(columns) == 1:  # a blank line is no record: a lone missing value is written as quotes around nothing
        fields[0] = pc.fill_null(fields[0], dialect.quotechar * 2)
    return joined(fields, dialect)


def joined(fields: Sequence[pa.Array], dialect: Dialect, before: pa.Array | None = None) -> Data:
    """Return fields, as they stand in the file, as the bytes of whole records.

    before: starts of the records, each of which ends in the delimiter already.
    """
    # The long parts are copied once: what goes between them is put onto the short last field first.
    last = between("", [fields[-1], pa.scalar(dialect.lineterminator, fields[0].type)])
    rows = between(dialect.delimiter, [*fields[:-1], last]) if len(fields) > 1 else last
    return content(rows if before is None else between("", [before, rows]))


def content(array: pa.Array) -> memoryview:
    """Return the bytes of all values of an array, one after the other, without copying them."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    return memoryview(array.buffers()[2])[offsets[0] : offsets[-1]] if len(array) else memoryview(b"")


def terminated(data: Data, ends: Any, dialect: Dialect) -> Data:
    """Return records that end in LF at `ends` with the line ending of the dialect."""
    if dialect.lineterminator == "\n":
        return data
    ending = np.frombuffer(dialect.lineterminator.encode(), np.uint8)
    array = np.frombuffer(data, np.uint8).copy()
    array[ends] = ending[-1]
    return (np.insert(array, ends, ending[0]) if ending.size > 1 else array).data


def header_of(names: Sequence[str], dialect: Dialect) -> bytes:
    """Return a header record."""
    if not names:
        return dialect.lineterminator.encode()
    return text_rows([[str(name) for name in names]], dialect)
