"""Rows of a block that resemble each other: guesses which other rows a processor fails on, verified by a call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from csvswarm.process.failing_rows import Indices
from csvswarm.runtime.lazy_imports import pa, pc

#: Text of one shape differs only in which digits and letters it has, and how many in a row: N907JB is A0A.
_SHAPE = (("[0-9]+", "0"), ("[A-Za-z]+", "A"))


class SimilarRows:
    """The properties of the rows of a table: the value of every column, and what kind of value it is."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __call__(self, row: int, passed: npt.NDArray[np.bool_]) -> Iterator[Indices]:
        """Yield rows that share a property with a row, but with no row that passed, the largest group first."""
        groups = []
        for codes in self._properties:
            alike = codes == codes[row]
            if not (alike & passed).any():
                groups.append(np.flatnonzero(alike))
        yield from sorted(groups, key=len, reverse=True)

    @cached_property
    def _properties(self) -> list[npt.NDArray[np.int64]]:
        """Return for every property a number per row, equal where the property is."""
        properties = []
        for column in self._table.columns:
            values = column.combine_chunks()
            properties += [_codes(values), _codes(_kinds(values))]
        return properties


def _kinds(values: pa.Array) -> pa.Array:
    """Return what kind of value each one is: the shape of a text, the sign of a number; missing ones stay missing."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        for pattern, replacement in _SHAPE:
            values = pc.replace_substring_regex(values, pattern, replacement)
        return values
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return pc.sign(values)
    return pc.is_valid(values)


def _codes(values: pa.Array) -> npt.NDArray[np.int64]:
    codes = pc.fill_null(pc.dictionary_encode(values).indices, -1)
    found: npt.NDArray[np.int64] = codes.to_numpy(zero_copy_only=False).astype(np.int64)
    return found
