"""Values of expressions in the types of columns."""

from __future__ import annotations

from typing import Any

from csvswarm.runtime.lazy_imports import pa

_TYPES = {"int64": "int", "double": "float", "bool": "bool", "string": "text", "timestamp[us]": "timestamp"}


def plain_values(values: pa.Array) -> pa.Array:
    """Return values in one of the types of columns."""
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    if pa.types.is_floating(values.type):
        return values.cast(pa.float64())
    if pa.types.is_timestamp(values.type) and values.type.tz is None:
        return values.cast(pa.timestamp("us"))
    return values if pa.types.is_boolean(values.type) else values.cast(pa.string())


def type_name(arrow: Any) -> str:
    """Return the name of one of these types."""
    return _TYPES[str(arrow)]
