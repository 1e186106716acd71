"""Rows that a processor encodes itself."""

from __future__ import annotations

from dataclasses import dataclass

from csvswarm.csv_format.canonical_text import Data


@dataclass(frozen=True)
class EncodedRows:
    """Rows encoded by the processor as whole CSV records. kinds: the type of each column, as in canonical_text.py."""

    data: Data
    rows: int
    columns: list[str]
    kinds: list[str | None]
