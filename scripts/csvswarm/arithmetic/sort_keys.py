"""Numbers as 64-bit integers with the same order, so that one table can contain every numeric column."""

from __future__ import annotations

import struct
from typing import Any

from csvswarm.runtime.lazy_imports import np

_MAGNITUDE = 0x7FFFFFFFFFFFFFFF


def keys_of(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the keys of int64 or float64 values, shape (n,), without NaN. Integers are their own keys; -0.0 is 0.0."""
    if values.dtype != np.float64:
        return values.astype(np.int64, copy=False)
    bits = (values + 0.0).view(np.int64)
    return bits ^ ((bits >> 63) & _MAGNITUDE)


def values_of(keys: np.ndarray[Any, Any], is_integer: bool) -> np.ndarray[Any, Any]:
    """Return the values of keys, int64 or float64."""
    if is_integer:
        return keys
    bits = keys.astype(np.int64, copy=False)
    return (bits ^ ((bits >> 63) & _MAGNITUDE)).view(np.float64)


def value_of(key: int, is_integer: bool) -> int | float:
    """Return the value of one key."""
    if is_integer:
        return key
    bits = key ^ (key >> 63 & 0x7FFFFFFFFFFFFFFF)
    value: float = struct.unpack("<d", struct.pack("<q", bits))[0]
    return value
