"""The formats of a result: their file names, their limits, and the options that choose them."""

from __future__ import annotations

import re
from typing import Any

from csvswarm.errors import OptionError, format_names

#: Format -> the suffix of its files.
FORMATS = {
    "csv": ".csv",
    "csv.gz": ".csv.gz",
    "csv.zst": ".csv.zst",
    "parquet": ".parquet",
    "jsonl": ".jsonl",
    "sqlite": ".sqlite",
    "xlsx": ".xlsx",
}
#: Formats of typed values. A processor that copies fields must then read them.
TYPED = ("parquet", "jsonl", "sqlite", "xlsx")
#: Format -> the most rows (without the header) and columns that a file can have; None: any number.
LIMITS: dict[str, tuple[int | None, int]] = {"xlsx": ((1 << 20) - 1, 1 << 14), "sqlite": (None, 2000)}
#: The directory of a result that is partitioned.
PARTITIONED = "result"
#: Maximum number of files: a result with more would be slower to list than to read.
MAX_PARTS = 10_000
#: Names that a result can have.
RESULT_NAMES = (*(f"result{ending}" for ending in FORMATS.values()), PARTITIONED)
#: The name of a result in the default format.
RESULT = "result.csv"
_ENDINGS = "|".join(re.escape(ending) for ending in FORMATS.values())
_PART = rf"{PARTITIONED}(/[^/=\0]+=[^/\0]*)+/part({_ENDINGS})"
#: Names of options that choose the format.
FORMAT_OPTIONS = ("output_format", "partition_by")


def check_format(output_format: str, partition_by: list[str]) -> None:
    """Raise OptionError if the options alone are invalid."""
    if output_format not in FORMATS:
        raise OptionError(f"output_format is {output_format!r}, but must be one of {', '.join(FORMATS)}.")
    if twice := next((name for name in partition_by if partition_by.count(name) > 1), None):
        raise OptionError(f"partition_by names {twice!r} twice.")


def check_columns(request: dict[str, Any], columns: list[str]) -> None:
    """Raise OptionError unless the result's format can have its columns."""
    output_format, partition_by = format_of(request)
    for name in partition_by:
        if name not in columns:
            raise OptionError(f"partition_by names a column {name!r}, but the result has: {format_names(columns)}.")
    rest = [name for name in columns if name not in partition_by]
    if partition_by and not rest:
        raise OptionError("partition_by names all columns of the result: leave one for the files.")
    if output_format not in TYPED:
        return
    seen: dict[str, str] = {}
    for name in rest:
        key = name.lower() if output_format == "sqlite" else name
        if key in seen:
            raise OptionError(
                f"the result has columns {seen[key]!r} and {name!r}, the same name in {output_format}: rename "
                f"one, or {_another(output_format)}."
            )
        seen[key] = name
    if not rest and output_format == "sqlite":
        raise OptionError(f"the result has no column, but a table in SQLite needs one: {_another(output_format)}.")
    check_size(output_format, 0, len(rest))


def check_size(output_format: str, rows: int, columns: int) -> None:
    """Raise OptionError if a file of a format cannot have so many rows or columns."""
    most_rows, most_columns = LIMITS.get(output_format, (None, None))
    if most_columns is not None and columns > most_columns:
        raise OptionError(
            f"the result has {columns:,} columns, but {output_format} allows {most_columns:,}: "
            f"{_another(output_format)}."
        )
    if most_rows is not None and rows > most_rows:
        raise OptionError(
            f"the result has {rows:,} rows, but {output_format} allows {most_rows:,}: {_another(output_format)}, or "
            "pass partition_by."
        )


def _another(output_format: str) -> str:
    return f"pass another output_format than {output_format} (with the same job_id, finished work is kept)"


def format_of(request: dict[str, Any]) -> tuple[str, list[str]]:
    """Return (output_format, partition_by) of a job's request."""
    return request.get("output_format", "csv"), request.get("partition_by", [])


def result_name(request: dict[str, Any]) -> str:
    """Return the name of the result's file, or of the directory of a partitioned one."""
    output_format, partition_by = format_of(request)
    return PARTITIONED if partition_by else f"result{FORMATS[output_format]}"


def reads_values(request: dict[str, Any]) -> bool:
    """Whether the result's values must be read, and not only copied, to write it."""
    output_format, partition_by = format_of(request)
    return output_format in TYPED or bool(partition_by)


def is_part_name(name: str) -> bool:
    """Whether a name is that of a file of a partitioned result, and so below its directory."""
    return bool(re.fullmatch(_PART, name))
