"""The user's request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csvswarm.job.chunk import BLOCK_BYTES
from csvswarm.job.rejections import MAX_REJECTED


@dataclass(frozen=True)
class Request:
    """The user's request, unchanged: see the scripts' --help.

    input: a file, or the files, folders and patterns of an input of many files. union: whether its files may lack
    columns. source_file: whether to add a column with the name of each record's file. incremental: whether later runs
    may add files. split_of: directory of a job over the same input, whose chunks are reused if possible.
    """

    input: Path | Sequence[Path]
    processor: str = "statistics"
    options: dict[str, Any] = field(default_factory=dict)
    chunks: int | None = None
    workers: int | None = None
    on_error: str = "fail"
    mode: str = "auto"
    delimiter: str | None = None
    quotechar: str | None = None
    header: bool | list[str] | None = None
    skip_lines: int | None = None
    comment: str | None = None
    escape: str | None = None
    trailing_delimiter: bool | None = None
    decimal: str | None = None
    thousands: str | None = None
    date_format: str | dict[str, str] | None = None
    encoding: str = "utf-8"
    column_types: dict[str, Any] = field(default_factory=dict)
    null_values: list[str] | None = None
    block_bytes: int = BLOCK_BYTES
    durable: bool = False
    max_rejected: str = MAX_REJECTED
    limit: int | None = None
    split_of: Path | None = None
    strict: bool = False
    output_format: str = "csv"
    partition_by: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    requirements: Path | None = None
    union: bool = False
    source_file: bool = False
    incremental: bool = False

    @property
    def inputs(self) -> list[Path]:
        """What the user named as the input."""
        return [self.input] if isinstance(self.input, Path) else list(self.input)
