"""Values of several columns as one binary key per row, whose bytes have the order of the rows.

Each column contributes a flag, which puts missing values first or last, and its value: numbers as eight bytes, texts as
their bytes and a terminator. In descending columns the bytes of values are inverted. Equal values have equal keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.groupby.group_table import present_mask
from csvswarm.runtime.lazy_imports import np, pa, pc

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

_SIGN = 1 << 63


def sort_key(columns: Sequence[pa.Array], ascending: Sequence[bool], missing_last: bool = True) -> pa.Array:
    """Return the keys of rows: binary, shape (n,). columns: at least one array of shape (n,), none a dictionary."""
    parts = []
    for column, is_ascending in zip(columns, ascending, strict=True):
        values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        present = pa.array(present_mask(values))
        absent = pc.invert(present) if missing_last else present
        parts.append(pc.if_else(absent, _scalar(b"\1"), _scalar(b"\0")))
        parts.append(pc.if_else(present, _value_bytes(values, is_ascending), _scalar(b"")))
    return _joined(parts)


def with_number(key: pa.Array, numbers: Array, *, ascending: bool = True) -> pa.Array:
    """Return keys followed by a number, which makes them unique. numbers: int64, shape (n,)."""
    return _joined([key, number_key(numbers, ascending=ascending)])


def number_key(numbers: Array, *, ascending: bool = True) -> pa.Array:
    """Return the keys of int64 numbers: binary of eight bytes, shape (n,)."""
    bits = numbers.astype(np.int64).view(np.uint64) ^ np.uint64(_SIGN)
    return fixed_bytes(bits if ascending else ~bits)


def fixed_bytes(numbers: Array) -> pa.Array:
    """Return uint64 numbers as eight bytes each, the most significant first."""
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * 8
    data = pa.py_buffer(numbers.astype(">u8").tobytes())
    return pa.Array.from_buffers(pa.binary(), len(numbers), [None, pa.py_buffer(offsets), data])


def _value_bytes(values: pa.Array, is_ascending: bool) -> pa.Array:
    if pa.types.is_string(values.type):
        texts = values.fill_null("").cast(pa.binary())
        if is_ascending:
            return _joined([texts, _scalar(b"\0")])  # a text has no NUL, so a prefix comes before longer texts
        return _joined([_inverted(texts), _scalar(b"\xff")])
    if not pa.types.is_floating(values.type):
        values = values.cast(pa.int64())
    numbers = values.fill_null(0).to_numpy(zero_copy_only=False)
    return number_key(keys_of(numbers), ascending=is_ascending)


def _inverted(texts: pa.Array) -> pa.Array:
    """Return the complement of every byte."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    start = pa.py_buffer(offsets - offsets[0])
    return pa.Array.from_buffers(pa.binary(), len(texts), [None, start, pa.py_buffer((~data).tobytes())])


def _joined(parts: Sequence[Any]) -> pa.Array:
    return pc.binary_join_element_wise(*parts, _scalar(b""))


def _scalar(value: bytes) -> Any:
    return pa.scalar(value, pa.binary())
