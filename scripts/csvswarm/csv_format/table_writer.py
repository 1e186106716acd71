"""Encodes typed columns as CSV rows, in the kernel if possible, else by `row_writer`: the bytes are the same."""

from __future__ import annotations

from collections.abc import Sequence

from csvswarm.csv_format.canonical_text import Data, to_canonical_text
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.row_writer import encode_rows
from csvswarm.native.library import kernel
from csvswarm.runtime.lazy_imports import pa


def encode_table(arrays: Sequence[pa.Array], kinds: Sequence[str | None], dialect: Dialect) -> Data:
    """Return the values of arrays of one length as CSV in `dialect`, without a header.

    kinds: of the columns, as `canonical` takes them.
    """
    if arrays and len(arrays[0]) and _is_plain(dialect) and kernel() is not None:
        from csvswarm.native.row_writing import write_table  # imports numpy, which collecting rows does not need

        prepared = [_for_kernel(array, kind) for array, kind in zip(arrays, kinds, strict=True)]
        if (data := write_table(prepared, dialect.delimiter, dialect.quotechar)) is not None:
            return data
    return encode_rows(
        [to_canonical_text(array, kind) for array, kind in zip(arrays, kinds, strict=True)], dialect, kinds
    )


def _is_plain(dialect: Dialect) -> bool:
    """Return whether only texts may need quotes."""
    special = {dialect.delimiter, dialect.quotechar}
    return dialect.lineterminator == "\n" and "" not in special and not special & set("+-.: ")


def _for_kernel(array: pa.Array, kind: str | None) -> pa.Array:
    """Return an array unchanged if the kernel can write its type, else as canonical text."""
    from csvswarm.native.row_writing import can_write

    if kind == "float" and pa.types.is_integer(array.type):
        return array.cast(pa.float64(), safe=False)
    if pa.types.is_integer(array.type) and array.type != pa.uint64():
        return array.cast(pa.int64())
    return array if can_write(array.type) else to_canonical_text(array, kind)
