"""Invented records of jobs: with any number of attempts, and any text of a hostile input."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from csvswarm.types.schema import NULL_VALUES

MB = 1_000_000
CHECKSUM = "0" * 32
REQUEST: dict[str, Any] = {
    "options": {},
    "on_error": "quarantine",
    "delimiter": None,
    "quotechar": None,
    **dict.fromkeys(("header", "skip_lines", "comment", "escape", "trailing_delimiter")),
    **dict.fromkeys(("decimal", "thousands", "date_format")),
    **dict.fromkeys(("strict", "union", "source_file", "incremental"), False),
    "output_format": "csv",
    "partition_by": [],
    "max_rejected": "50%",
    "limit": None,
    "column_types": {},
    "null_values": [*NULL_VALUES],
}


_FILE = {"name": "result.csv", "bytes": 1, "checksum": CHECKSUM}
RESULT: dict[str, Any] = {"result": _FILE, "result_files": [_FILE], "preview": None}


def attempt(chunk: int, board: str = "board1", start: float = 0.0, took: float = 1.0, **more: Any) -> dict[str, Any]:
    """A successful attempt, `start` seconds after the split."""
    return {
        "chunk": chunk,
        "attempt": f"{chunk:012x}",
        "board": board,
        "status": "done",
        "counts": True,
        "queued": None,
        "launched": None,
        "started": 1_780_000_010.0 + start,
        "ended": 1_780_000_010.0 + start + took,
        "rows_in": 10_000,
        "rows_out": 10_000,
        "rejected": 0,
        "bytes_in": MB,
        "bytes_out": MB,
        "peak_bytes": 150 * MB,
        "limit_bytes": 250 * MB,
        "cpu_seconds": took * 0.9,
        "exit": 0,
        "message": "",
    } | more


#: Side files and packages of the processor.
OF_PROCESSOR: dict[str, Any] = {"files": [], "packages": {}, "sources": []}


def record(attempts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The record of a job with these attempts."""
    chunks = max(one["chunk"] for one in attempts)
    ended = max(one["ended"] for one in attempts)
    return {
        "format": 3,
        "job_id": "20260101-000000-abcdef",
        "status": "done",
        "created": 1_780_000_010.0,
        "ended": ended + 2,
        "input": {
            "path": "/data/input.csv",
            "size": chunks * MB,
            "mtime_ns": 1,
            "compression": "",
            "encoding": "utf-8",
            "checksum": CHECKSUM,
        },
        "preamble": {"bytes": 4, "checksum": CHECKSUM},
        "processor": {"name": "mine", "sha256": "0" * 64, "source": "/home/me/mine.py"},
        **OF_PROCESSOR,
        "request": deepcopy(REQUEST),
        "versions": dict.fromkeys(("csvswarm", "Python", "numpy", "pandas", "pyarrow"), "1.2.3"),
        "native": True,
        "dialect": {"delimiter": ",", "quotechar": '"', "lineterminator": "\n"},
        "bom": False,
        "schema": {"a": "int"},
        "generation": 1,
        "columns": [column("a", "int", ["int"])],
        "mode": "ranges",
        "decisions": [],
        "warnings": [],
        "chunks": chunks,
        "chunks_done": chunks,
        "input_chunks": [{"bytes": MB, "rows": 10_000, "checksum": CHECKSUM, "source": 0}] * chunks,
        "rows_in": chunks * 10_000,
        "rows_out": chunks * 10_000,
        "rejected": 0,
        **RESULT,
        **dict.fromkeys(("error", "rejected_file")),
        "rejected_reasons": [],
        "seconds": {"split": 2.0, "process": ended - 1_780_000_010, "collect": 2.0},
        "stages": [
            {"name": "split", "started": 1_780_000_008.0, "ended": 1_780_000_010.0},
            {"name": "process", "started": 1_780_000_010.0, "ended": ended},
            {"name": "collect", "started": ended, "ended": ended + 2},
        ],
        "attempts": attempts,
    } | more


def column(name: str, kind: str, kinds: list[str], **more: Any) -> dict[str, Any]:
    """A column of the input."""
    return {
        "name": name,
        "type": kind,
        "kinds": kinds,
        "fixed": False,
        "gaps": False,
        "sampled": 100,
        "missing": 0,
        "example": "1",
    } | more
