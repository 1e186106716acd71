"""Compute digests of answers and compare them: `python -m bench.answers digest WORK FILE`.

Tools format the same answer differently: 1.50 or 1.5, "a" or a, a T or a blank in a timestamp. So numbers are compared
as decimals, timestamps as points in time, and the rest as text, all in the order of the rows. The answer of a map may
be larger than memory, so it is read in pieces into a digest per column. The answer of an aggregate is kept in full, and
its numbers may differ by a relative 1e-9, because sums of floats do.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.works import WORKS, Work

TOLERANCE = 1e-9

Answer = dict[str, Any]


def digest(work: Work, path: Path) -> Answer:
    """Return the digest of an answer: its number of rows, and a digest or the values of every column."""
    import pyarrow as pa
    from pyarrow import csv

    columns = {name: _Column(work, name) for name in work.columns}
    rows = 0
    try:
        # Each tool may name the columns of an aggregate differently.
        own = None if work.is_map else list(work.columns)
        reading = csv.ReadOptions(block_size=8 << 20, column_names=own, skip_rows=0 if work.is_map else 1)
        names = own or csv.open_csv(path, reading, csv.ParseOptions(newlines_in_values=True)).schema.names
        if names != list(work.columns):
            return {"error": f"has the columns {', '.join(names)}"}
        as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        for batch in csv.open_csv(path, reading, csv.ParseOptions(newlines_in_values=True), as_text):
            rows += len(batch)
            for name in names:
                columns[name].add(batch.column(name))
    except (pa.ArrowInvalid, OSError) as error:
        return {"error": f"is not a table of the right form: {str(error)[:100]}"}
    return {
        "rows": rows,
        "columns": {name: column.value() for name, column in columns.items()},
        "as_floats": [name for name, column in columns.items() if column.as_floats],
    }


class _Column:
    """The digest of one column, or its values for an aggregate."""

    def __init__(self, work: Work, name: str) -> None:
        import xxhash

        self._decimals = work.decimals.get(name)
        self._is_time = name in work.times
        self._values: list[Any] | None = None if work.is_map else []
        self._hashes = [xxhash.xxh3_128() for _ in range(2)]
        self.as_floats = False

    def add(self, text: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._decimals is None and not self._is_time:
            if self._values is not None:
                self._values += text.to_pylist()
            else:
                self._add_text(text)
            return
        given = pc.if_else(pc.equal(text, ""), None, text)
        if self._decimals == 0 and self._values is None:
            self.as_floats |= bool(pc.any(pc.match_substring(given, ".")).as_py())
        numbers = given.cast(pa.timestamp("us")).cast(pa.int64()) if self._is_time else given.cast(pa.float64())
        if self._values is not None:
            self._values += numbers.to_pylist()
            return
        if not self._is_time:
            numbers = pc.round(pc.multiply(numbers, 10.0 ** (self._decimals or 0))).cast(pa.int64())
        self._hashes[0].update(pc.is_null(numbers).cast(pa.uint8()).to_numpy())
        self._hashes[1].update(numbers.fill_null(0).to_numpy())

    def _add_text(self, text: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self._hashes[0].update(pc.binary_length(text).to_numpy())
        joined = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(text)], pa.int32()), text), "")
        self._hashes[1].update(joined[0].as_buffer())

    def value(self) -> list[Any] | str:
        return self._values if self._values is not None else "".join(one.hexdigest() for one in self._hashes)


def difference(expected: Answer, got: Answer) -> str:
    """Return how an answer is wrong; empty if it is right."""
    if "error" in expected:
        return f"there is nothing to compare with: the first answer {expected['error']}"
    if "error" in got:
        return f"the answer {got['error']}"
    if got["rows"] != expected["rows"]:
        return f"{got['rows']:,} rows instead of {expected['rows']:,}"
    wrong = [name for name, value in expected["columns"].items() if not _same(value, got["columns"][name])]
    return f"other values or another order in {', '.join(wrong)}" if wrong else ""


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, str) or not any(isinstance(value, float) for value in expected):
        return bool(expected == got)
    return all(
        a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=TOLERANCE))
        for a, b in zip(expected, got, strict=True)
    )


def right_rows(work: Work, expected: Path, got: Path) -> tuple[int, int]:
    """Return the number of expected rows that an answer contains, in any order, and the number of expected rows."""
    wanted, there = _rows(work, expected), _rows(work, got)
    return (wanted & there).total(), wanted.total()


def _rows(work: Work, path: Path) -> Counter[int]:
    import csv

    numbers = [column for column, name in enumerate(work.columns) if name in work.decimals]
    rows: Counter[int] = Counter()
    csv.field_size_limit(sys.maxsize)  # a wrong answer may be one long field
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        reader = csv.reader(file)
        next(reader, None)
        for row in reader:
            if len(row) == len(work.columns):
                for column in numbers:
                    row[column] = row[column].removesuffix(".0")
            rows[hash(tuple(row))] += 1
    return rows


def main() -> None:
    """Print as JSON the digest of a file, or the number of rows of the first file that the second one contains."""
    what, name, *files = sys.argv[1:]
    work, paths = WORKS[name], [Path(file) for file in files]
    if what == "rows":
        print(json.dumps(right_rows(work, *paths)))
    else:
        print(json.dumps(digest(work, paths[0])))


if __name__ == "__main__":
    main()
