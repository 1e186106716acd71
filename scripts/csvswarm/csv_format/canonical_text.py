"""The canonical text of values, and writing rows of it as CSV (docs/format.md).

One value has one text, whatever block, worker or machine writes it: an integer its digits, a float the shortest text
that reads back to it (Python's repr: 1.0, 1e-05, inf), a boolean True or False, a timestamp YYYY-MM-DD HH:MM:SS with
a fraction only where there is one, a missing value nothing at all. Text is quoted only where it has to be.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from .dialect import Dialect
from .errors import OptionError
from .lean import np, pa, pacsv, pc, with_pandas
from .schema import NULL_VALUES

#: Bytes, wherever they lie.
Data = bytes | memoryview

_REPR_BELOW, _REPR_FROM = 1e-3, 1e10  # outside of these Arrow and Python differ about the exponent
_WHOLE_BELOW = 1e15  # whole numbers below are written with all their digits


def kind_of(array: pa.Array) -> str | None:
    """Return the kind of output column an array is: bool, int, float, timestamp or text; None when all is missing."""
    kind = array.type
    if array.null_count == len(array):
        return None
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind):
        return "float"
    return "timestamp" if pa.types.is_timestamp(kind) else "text"


def join_kinds(first: str | None, second: str | None) -> str | None:
    """Return the kind of a column that is `first` in one block and `second` in another."""
    if first is None or second is None or first == second:
        return first or second
    return "float" if {first, second} == {"int", "float"} else "text"


def as_arrow(values: Any) -> pa.Array:
    """Return a column of a DataFrame as an Arrow array.

    A column of Python objects becomes text, value by value: were it given a type by what one block happens to hold,
    the same value would be written differently elsewhere.
    """
    if isinstance(values, pa.ChunkedArray):
        array = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    elif isinstance(values, pa.Array):
        array = values
    else:
        with_pandas()
        try:
            array = pa.array(values, pa.string() if values.dtype == object else None, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            array = pa.array([None if _is_missing(value) else _text_of(value) for value in values], pa.string())
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array) if _has_nan(array) else array
    return array


def canonical(array: pa.Array, kind: str | None) -> pa.Array:
    """Return the canonical text of an array, missing where the value is.

    kind: what `kind_of` or `join_kinds` say; integers become floats where their column is one in another block.
    """
    if kind == "float" and pa.types.is_integer(array.type):
        array = array.cast(pa.float64(), safe=False)
    for applies, text in _texts():
        if applies(array.type):
            return text(array)
    return pa.array([None if value is None else _text_of(value) for value in array.to_pylist()], pa.string())


def quoted(text: pa.Array, dialect: Dialect) -> tuple[pa.Array, bool]:
    """Return (fields as they stand in the file, whether any is quoted).

    Quoted are fields that hold the delimiter, the quote or a line break, and texts that would otherwise be read as a
    missing value: the empty text, NA, null, ...
    """
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    needy = pc.is_in(text, value_set=_nulls(), skip_nulls=True)
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
    if not special and dialect.lineterminator == "\n" and len(columns) > 1:
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


def between(separator: str, fields: Sequence[Any]) -> pa.Array:
    """Return fields joined row by row, with a separator between them; a missing one is empty."""
    kind = fields[0].type
    return pc.binary_join_element_wise(
        *fields, pa.scalar(separator, kind), null_handling="replace", null_replacement=""
    )


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


def _float_text(array: pa.Array) -> pa.Array:
    text = array.cast(pa.string())
    values = np.asarray(array.fill_null(0.5) if array.null_count else array, dtype=np.float64)
    size = np.abs(values)
    whole = (values == np.rint(values)) & (size < _WHOLE_BELOW)
    if whole.any():
        mask = pa.array(whole)
        text = pc.replace_with_mask(text, mask, _whole_text(text.filter(mask), values[whole]))
    far = ((size >= _REPR_FROM) | (size < _REPR_BELOW)) & ~whole
    if far.any():
        narrow = array.type != pa.float64()
        exact = [_repr(value, narrow) for value in np.asarray(array.filter(pa.array(far)))]
        text = pc.replace_with_mask(text, pa.array(far), pa.array(exact, pa.string()))
    nan = np.isnan(values)
    return pc.if_else(pa.array(nan), pa.scalar(None, pa.string()), text) if nan.any() else text


def _whole_text(text: pa.Array, values: Any) -> pa.Array:
    """Return the text of whole numbers: Arrow writes 1.0 as 1, and 10000000000.0 as 1e+10."""
    if np.abs(values).max() >= _REPR_FROM:
        integers = pa.array(values.astype(np.int64)).cast(pa.string())
        text = pc.if_else(pa.array(values == 0), text, integers)  # -0.0 has no integer
    return between("", [text, ".0"])


def _repr(value: Any, narrow: bool) -> str:
    return str(value) if narrow else repr(float(value))


def _timestamp_text(array: pa.Array) -> pa.Array:
    zone = array.type.tz
    if zone:
        return pa.array([None if value is None else str(value) for value in array.to_pandas()], pa.string())
    text = array.cast(pa.string())  # the fraction is that of the unit: .000000 for microseconds
    if array.type.unit == "s":
        return text
    return (
        pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".") if _has_fraction(array) else pc.utf8_slice_codeunits(text, 0, 19)
    )


def _has_fraction(array: pa.Array) -> bool:
    per_second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[array.type.unit]
    values = np.asarray(array.drop_null().cast(pa.int64()))
    return bool((values % per_second).any())


def _has_nan(array: pa.Array) -> bool:
    return bool(pc.any(pc.is_nan(array)).as_py())


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")


def _text_of(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, dt.datetime) and not value.tzinfo:
        text = str(value)
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def _plain_text(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _same_text(array: pa.Array) -> pa.Array:
    return array


def _bool_text(array: pa.Array) -> pa.Array:
    return pc.if_else(array, "True", "False")


@cache
def _nulls() -> pa.Array:
    return pa.array(NULL_VALUES, pa.string())


@cache
def _texts() -> tuple[tuple[Callable[[Any], bool], Callable[[pa.Array], pa.Array]], ...]:
    """Return how the values of an Arrow type are written; anything else is Python's str of each value."""
    return (
        (pa.types.is_string, _same_text),
        (pa.types.is_floating, _float_text),
        (pa.types.is_integer, _plain_text),
        (pa.types.is_boolean, _bool_text),
        (pa.types.is_timestamp, _timestamp_text),
        (pa.types.is_null, _plain_text),
        (pa.types.is_large_string, _plain_text),
        (pa.types.is_string_view, _plain_text),
    )
