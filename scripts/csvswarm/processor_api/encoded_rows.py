"""Rows that a processor encodes itself."""

from __future__ import annotations

from dataclasses import dataclass

from csvswarm.csv_format.canonical_text import Data


@dataclass(frozen=True)
class EncodedRows:
    """Rows that `process` encoded itself, returned in place of a table; they are written to the result unchanged.

    The caller guarantees that `data` is valid CSV: csvswarm does not parse it.

    Attributes:
        data: the rows as bytes, UTF-8, `rows` whole CSV records in the input's dialect, each with its line end.
        rows: number of records in `data`.
        columns: names of the output columns, shape (c,), the same for every block.
        kinds: kind of each output column in this block, shape (c,): `bool`, `int`, `float`, `timestamp` or `text`;
            None where all values are missing. Where one block has `int` and another `float`, the column's integers
            are rewritten as floats.
    """

    data: Data
    rows: int
    columns: list[str]
    kinds: list[str | None]
