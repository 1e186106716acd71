"""The API for processors: context, rows, errors and exact sums.

The names are imported on first use, so that a process that needs none of them does not import numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csvswarm.arithmetic import exact_sum
    from csvswarm.errors import OptionError
    from csvswarm.processor_api.context import Context
    from csvswarm.processor_api.encoded_rows import EncodedRows
    from csvswarm.reading.rows import Rows

__all__ = ["Context", "EncodedRows", "OptionError", "Rows", "exact_sum"]

_MODULES = {
    "Context": "csvswarm.processor_api.context",
    "EncodedRows": "csvswarm.processor_api.encoded_rows",
    "OptionError": "csvswarm.errors",
    "Rows": "csvswarm.reading.rows",
}


def __getattr__(name: str) -> Any:
    if name == "exact_sum":
        return import_module("csvswarm.arithmetic.exact_sum")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
