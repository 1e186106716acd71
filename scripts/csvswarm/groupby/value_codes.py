"""Codes of the values of a column, or of pairs of them, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.native.grouping import NumberCodes, TextCodes
from csvswarm.native.record_scan import Offsets
from csvswarm.reading.native_block import NumericColumn, TextColumn
from csvswarm.runtime.lazy_imports import pa

if TYPE_CHECKING:
    from csvswarm.groupby.group_totals import Plain

Integers = npt.NDArray[np.int64]
Codes = TextCodes | NumberCodes


def encode(known: Codes, column: Plain) -> Offsets:
    """Return the code of every value of a block, -1 where it is missing."""
    if isinstance(known, TextCodes):
        if not isinstance(column, TextColumn):
            raise TypeError("a column has texts in one block and numbers in another")
        return known.encode(column.span, column.null_values)
    if not isinstance(column, NumericColumn):
        raise TypeError("a column has numbers in one block and texts in another")
    missing = np.isnan(column.values) if column.values.dtype == np.float64 else column.missing
    return known.encode(keys_of(column.values), missing)


def encode_pairs(pairs: NumberCodes, first: Offsets, second: Offsets) -> Offsets:
    """Return the code of every pair of codes, -1 where one of them is missing. Its key has the first one above."""
    return pairs.encode(first.astype(np.int64) << 32 | second, (first < 0) | (second < 0))


def listed_values(known: Codes, codes: Integers) -> list[Any]:
    """Return the texts or numbers of codes."""
    if isinstance(known, NumberCodes):
        values: list[Any] = known.keys()[codes].tolist()
        return values
    texts = known.texts()
    return [texts[code] for code in codes.tolist()]


def value_array(known: Codes, codes: Integers) -> Any:
    """Return the texts of codes as an Arrow array, or the numbers as an array of numpy."""
    if isinstance(known, NumberCodes):
        return known.keys()[codes]
    data, offsets = known.arena()
    return (
        pa.Array.from_buffers(pa.large_string(), known.count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
        .take(pa.array(codes))
        .cast(pa.string())
    )
