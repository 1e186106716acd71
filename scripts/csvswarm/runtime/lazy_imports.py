"""Keep pandas, pyarrow and numpy out of processes that do not need them: their import takes longer than a small chunk.

`np`, `pa`, `pc` and `pacsv` stand for numpy and for pyarrow, its compute functions and its CSV module, imported when
first used. Modules that compute whenever they are used import numpy as usual.

pyarrow imports pandas the first time it is given any Python value, to know whether the value is a pandas object. Here
that first attempt is made to find nothing, and `enable_pandas` makes pyarrow look again, where frames are really used.
Without this everything works the same, half a second later.
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

__all__ = ["enable_pandas", "np", "pa", "pacsv", "pc", "suppress_pandas"]


class _PandasImportBlocker:
    """Says that there is no pandas."""

    def find_spec(self, fullname: str, *_: Sequence[str] | ModuleType | None) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not imported before it is needed", name=fullname)
        return None


class _LazyModule:
    """Stands for a module until it is asked for something."""

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


def suppress_pandas() -> None:
    """Let pyarrow go without pandas until `enable_pandas`; nothing happens when pandas is imported already."""
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
    """Let pyarrow know pandas: it looks again when a conversion to pandas needs it."""
    pa.nulls(0).to_pandas()
