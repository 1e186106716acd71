"""Rows to the polars DataFrame that a processor gets with `BLOCK = "polars"`, and back.

polars is not a package of csvswarm: it is among the packages of the job (`requirements`), or in the environment.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from csvswarm.errors import ProcessorError
from csvswarm.runtime.lazy_imports import pa

#: Name of a thread that computes. The first computation starts them; the import starts others.
_POOL_THREAD = re.compile(r"polars-\d")


def require_polars(processor: str) -> None:
    """Raise ProcessorError if polars cannot be imported."""
    if find_spec("polars") is None:
        raise ProcessorError(
            f'processor {processor} sets BLOCK = "polars", but the package polars is missing: '
            "pass -e requirements=FILE with a file that contains the line polars."
        )


def to_polars(table: pa.Table, processor: str) -> Any:
    """Return a table as a polars DataFrame that shares its memory where the types allow it."""
    # A worker runs on one core. One thread also adds floats in the same order on every machine.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    require_polars(processor)
    import polars as pl

    return pl.from_arrow(table)


def from_polars(result: Any, processor: str) -> Any:
    """Return a polars DataFrame as a pyarrow Table, and anything else as it is.

    Raises ProcessorError for columns without an Arrow type.
    """
    polars = sys.modules.get("polars")
    if polars is None or not isinstance(result, polars.DataFrame):
        return result
    for name, dtype in result.schema.items():
        if dtype == polars.Object:  # its Arrow form is addresses in memory
            raise ProcessorError(f"processor {processor} returned column {name!r} with the dtype Object: cast it.")
    try:
        return result.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ProcessorError(
            f"processor {processor} returned a column whose dtype has no Arrow type ({error}): cast it."
        ) from error


def refuse_running_polars(processor: str) -> None:
    """Raise ProcessorError if this process has computed with polars: its threads do not survive a fork.

    Without them, the first computation in a forked worker would never end.
    """
    for thread in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # a thread that ended in the meantime
            if _POOL_THREAD.match(thread.read_text()):
                raise ProcessorError(
                    f"processor {processor} computes with polars while its file is loaded, which would block its "
                    "workers: compute in process, or in a function that process calls."
                )
