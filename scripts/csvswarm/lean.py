"""Keep pandas out of processes that do not need it: importing it takes longer than a small chunk.

pyarrow imports pandas the first time it is given any Python value, to know whether the value is a pandas object. Here
that first attempt is made to find nothing, and `with_pandas` makes pyarrow look again, where frames are really used.
Without this everything works the same, half a second later.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas."""

    def find_spec(self, fullname: str, *_: Sequence[str] | ModuleType | None) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not imported before it is needed", name=fullname)
        return None


def without_pandas() -> None:
    """Let pyarrow go without pandas until `with_pandas`; nothing happens when pandas is imported already."""
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


def with_pandas() -> None:
    """Let pyarrow know pandas: it looks again when a conversion to pandas needs it."""
    pa.nulls(0).to_pandas()
