"""Compare two answers: `python -m bench.answers EXPECTED GOT [--shape] [COLUMN ...]` prints how the second is wrong.

Tools name and format the same answer differently: 1.50 or 1.5, "a" or a, a T or a blank in a timestamp. So columns are
compared by position, numbers to a relative 1e-9, timestamps as points in time, and the rest as text, all in order.
With --shape, only the numbers of rows and columns are compared. Prints nothing when the answers are equal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOLERANCE = 1e-9
SHAPE = "--shape"


def difference(expected: Path, got: Path, columns: Sequence[str] = (), *, shape_only: bool = False) -> str:
    """Return how an answer is wrong; empty if it is right.

    columns: those of `expected` to compare, all if empty. shape_only: compare no values.
    """
    import pyarrow as pa

    try:
        right, other = _read(expected), _read(got)
    except (pa.ArrowInvalid, OSError) as error:
        return f"is not a table: {str(error)[:100]}"
    right = right.select(list(columns)) if columns else right
    if right.num_columns != other.num_columns:
        return f"{other.num_columns} columns instead of {right.num_columns}"
    if right.num_rows != other.num_rows:
        return f"{other.num_rows:,} rows instead of {right.num_rows:,}"
    if shape_only:
        return ""
    pairs = zip(right.column_names, right.columns, other.columns, strict=True)
    wrong = [name for name, one, two in pairs if not _same(one, two)]
    return f"other values or another order in {', '.join(wrong)}" if wrong else ""


def _read(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, csv.ReadOptions(block_size=8 << 20), parsing) as reader:
        names = reader.schema.names
    text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return csv.read_csv(path, csv.ReadOptions(block_size=8 << 20), parsing, text)


def _same(one: Any, two: Any) -> bool:
    import numpy as np

    if one.equals(two):
        return True
    for form in (_numbers, _times):
        first, second = form(one), form(two)
        if first is not None and second is not None:
            return bool(np.allclose(first, second, rtol=TOLERANCE, atol=1e-12, equal_nan=True))
    return False


def _numbers(text: Any) -> Any:
    """Return texts as floats, NaN where empty; None if they are not numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.if_else(pc.equal(text, ""), None, text).cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None


def _times(text: Any) -> Any:
    """Return texts as seconds since 1970, NaN where empty; None if they are not timestamps."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(text, r"(\.0+)?(Z|\+00(:?00)?)?$", "")
    try:
        times = pc.if_else(pc.equal(text, ""), None, text).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    return pc.divide(times.cast(pa.int64()).cast(pa.float64()), 1e6).to_numpy()


def main() -> None:
    """Print the difference."""
    expected, got, *columns = sys.argv[1:]
    names = [column for column in columns if column != SHAPE]
    print(difference(Path(expected), Path(got), names, shape_only=SHAPE in columns))


if __name__ == "__main__":
    main()
