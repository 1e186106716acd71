"""Rows of a block that resemble each other: guesses on which other rows a processor fails; calls verify them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from csvswarm.process.failing_rows import Indices
from csvswarm.runtime.lazy_imports import pa, pc

#: Texts of the same shape differ only in their digits and letters, and in the lengths of their runs, like N907JB and
#: X1AB.
_SHAPE = re.compile(r"([0-9]+)|([A-Za-z]+)|(.)", re.DOTALL)
#: Longer texts have no shape, because their pattern would take longer than the calls that it saves.
_SHAPE_CHARS = 200


class SimilarRows:
    """The properties of the rows of a table: the value of every column, and what kind of value it is."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = [column.combine_chunks() for column in table.columns]

    def __call__(self, row: int, passed: npt.NDArray[np.bool_]) -> Iterator[Indices]:
        """Yield rows that share a property with a row, but with no row that passed, the largest group first."""
        masks = (alike for values in self._columns for alike in _alike(values, row))
        groups = [np.flatnonzero(alike) for alike in masks if not (alike & passed).any()]
        yield from sorted(groups, key=len, reverse=True)


def _alike(values: pa.Array, row: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield masks of the rows with the value of a row, and with its kind: shape of a text, sign of a number."""
    value = values[row]
    if not value.is_valid:
        yield _mask(pc.is_null(values))
        return
    yield _mask(pc.equal(values, value))
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        if len(text := value.as_py()) <= _SHAPE_CHARS:
            yield _mask(pc.match_substring_regex(values, _pattern(text)))
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        yield _mask(pc.equal(pc.sign(values), pc.sign(value)))
    else:
        yield _mask(pc.is_valid(values))


def _pattern(text: str) -> str:
    """Return a regular expression for all texts of the same shape."""
    parts = ("[0-9]+" if digits else "[A-Za-z]+" if letters else re.escape(other)
             for digits, letters, other in _SHAPE.findall(text))  # fmt: skip
    return rf"\A{''.join(parts)}\z"


def _mask(found: pa.Array) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return mask
