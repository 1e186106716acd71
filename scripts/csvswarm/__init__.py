"""The data plane of csvswarm: split a CSV, process its chunks, collect the result.

The three scripts beside this package are its entry points; docs/architecture.md shows the data flow through it.
From Python, `csvswarm.run` runs a whole job on this machine (docs/python.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["CsvswarmError", "InputError", "JobError", "OptionError", "ProcessorError", "Result", "run"]

#: Semantic version of the newest released section of CHANGELOG.md.
__version__ = "0.4.0"


def __getattr__(name: str) -> Any:
    # Imported on first use: the scripts need none of these, and start-up is a third of a short run.
    if name in ("run", "Result"):
        return getattr(import_module("csvswarm.local.api"), name)
    if name in __all__:
        return getattr(import_module("csvswarm.errors"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
