"""Former name of `csvswarm.processor_api.exact_sum`, for one release."""

from csvswarm.arithmetic.exact_sum import (
    HUGE,
    LEVEL_BITS,
    MINUS_INFINITY,
    PLUS_INFINITY,
    SLICE,
    add_up,
    add_up_squares,
    group_levels,
    merge,
    rounded,
    total,
)

__all__ = [
    "HUGE",
    "LEVEL_BITS",
    "MINUS_INFINITY",
    "PLUS_INFINITY",
    "SLICE",
    "add_up",
    "add_up_squares",
    "group_levels",
    "merge",
    "rounded",
    "total",
]
