"""Import pandas, pyarrow and numpy only where needed: their import takes longer than processing a small chunk.

`np`, `pa`, `pc` and `pacsv` are lazy proxies of numpy, pyarrow, its compute functions and its CSV module, imported on
first use. Modules that always compute import numpy as usual.

pyarrow imports pandas when it first converts a Python value, to check whether that is a pandas object. Here that first
import is blocked, and `enable_pandas` makes pyarrow retry it where DataFrames are used. Without this, everything works
the same but starts half a second later.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pacsv

__all__ = ["enable_pandas", "import_arrow", "np", "pa", "pacsv", "pc", "suppress_pandas"]


class _PandasImportBlocker:
    """Finder that reports pandas as not installed."""

    def find_spec(self, fullname: str, *_: Sequence[str] | ModuleType | None) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not imported before it is needed", name=fullname)
        return None


class _LazyModule:
    """Lazy proxy: imports the module on first attribute access."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if self._name != "numpy":
            _suppress_pandas_once()
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


@cache
def _suppress_pandas_once() -> None:
    suppress_pandas()


if not TYPE_CHECKING:
    np, pa, pc, pacsv = (
        _LazyModule("numpy"),
        _LazyModule("pyarrow"),
        _LazyModule("pyarrow.compute"),
        _LazyModule("pyarrow.csv"),
    )


def import_arrow() -> None:
    """Import pyarrow in a process that is about to fork others, so that not each of them does."""
    _suppress_pandas_once()
    importlib.import_module("pyarrow.compute")


def suppress_pandas() -> None:
    """Keep pyarrow from importing pandas until `enable_pandas`. Does nothing if pandas is already imported."""
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    finder: Any = _PandasImportBlocker()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


def enable_pandas() -> None:
    """Let pyarrow import pandas: a conversion to pandas triggers the import."""
    pa.nulls(0).to_pandas()
