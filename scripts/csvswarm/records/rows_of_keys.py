"""Finds one row of each key, before keys are made of all rows and sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csvswarm.groupby.group_table import first_of_each, group_codes
from csvswarm.runtime.lazy_imports import np, pa

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: The maximum number of keys per row: with more keys, little is saved.
_MAX_SHARE = 0.5


def rows_of_keys(columns: Sequence[pa.Array], *, last: bool = False) -> Array | None:
    """Return the first or last row of each key, in order; None where most keys are unique, so most rows are needed.

    columns: at least one array of shape (n,), none a dictionary. Rows with equal values have the same key.
    """
    codes, count = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        codes, groups = group_codes([pa.array(codes), column])
        count = len(groups[0])
        if count > _MAX_SHARE * len(codes):
            return None
    return np.sort(first_of_each(codes, count, last=last))
