"""The command line of a peer."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

PIECES, PIECE_BYTES = 8, 64 << 20


def arguments() -> tuple[str, Path, Path]:
    """Return the name of the work, the input, and the output to write."""
    work, source, output = sys.argv[1:]
    return work, Path(source), Path(output)


def pandas_code(work: str) -> Any:
    """Return the module with the pandas code of a work, which csvswarm runs as a processor."""
    return importlib.import_module(f"bench.processors.{work}")


def piece_bytes(source: Path) -> int:
    """Return the size of the pieces of the file: 64 MB, or an eighth of the file if that is less."""
    return min(PIECE_BYTES, source.stat().st_size // PIECES + 1)
