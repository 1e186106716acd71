"""Generate the input files of the benchmark: usual data, and a file that is hard to parse.

    python -m bench.data {main,hostile,flat} SIZE FILE

Polars writes them, so that csvswarm does not read its own format. They have the same bytes on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

SEED = 20_240_229
BATCH_ROWS = 100_000
#: Approximate number of bytes per row; sizes of files are accurate to a few per cent.
ROW_BYTES, HOSTILE_ROW_BYTES = 99, 37
LATE_FROM = 0.95  # position of the first missing value of the column `late`

NOTES = (
    ("plain text here", "all is well", "see below", "n.a. yet", "checked twice", "to be seen"),
    ("alpha, beta, gamma", 'he said "never"', "two\nlines"),
)
NOTE_SHARES = (0.14, 0.14, 0.14, 0.13, 0.13, 0.12, 0.1, 0.05, 0.05)
HOSTILE_NOTES = ('a "quoted" word', "first\nsecond\nthird", 'comma, quote " and\r\nbreak', "plain", '5" pipe, 3/4"')


def write_data(path: Path, size: int, *, flat: bool = False) -> int:
    """Write a CSV of about `size` bytes with every kind of column; return its number of rows.

    flat: replace line ends inside fields by blanks, for tools that read them as ends of records.
    """
    import polars as pl

    rows = max(1000, size // ROW_BYTES)
    with path.open("wb") as file:
        for number, batch in enumerate(_batches(rows)):
            frame = pl.DataFrame(batch)
            if flat:
                frame = frame.with_columns(pl.col("note").str.replace_all("\n", " ", literal=True))
            frame.write_csv(file, include_header=not number, datetime_format="%Y-%m-%d %H:%M:%S")
    return rows


def _batches(rows: int) -> Iterator[pa.Table]:
    random = np.random.default_rng(SEED)
    notes = pa.array([note for kind in NOTES for note in kind])
    categories = pa.array([f"category {row:02d}" for row in range(24)])
    start = np.datetime64("2020-01-01T00:00:00", "s")
    for first in range(0, rows, BATCH_ROWS):
        count = min(BATCH_ROWS, rows - first)
        number = np.arange(first, first + count)
        seconds = np.sort(random.integers(0, 86_400, count)) + 86_400 * (first // BATCH_ROWS)
        gaps = random.random(count) < 0.03
        late = (random.random(count) < 0.1) & (number >= rows * LATE_FROM)
        yield pa.table(
            {
                "id": number,
                "time": start + seconds.astype("timedelta64[s]"),
                "category": categories.take(pa.array(random.integers(0, len(categories), count))),
                "price": pa.array(np.round(random.gamma(2.0, 50.0, count), 2), mask=gaps),
                "quantity": random.integers(0, 1000, count),
                "late": pa.array(random.integers(0, 100_000, count), mask=late),
                "latitude": np.round(random.uniform(-90, 90, count), 6),
                "longitude": np.round(random.uniform(-180, 180, count), 6),
                "note": notes.take(pa.array(random.choice(len(notes), count, p=NOTE_SHARES))),
                "code": pa.array(np.char.add("C-", random.integers(10**5, 10**6, count).astype(str))),
            }
        )


def write_hostile(path: Path, size: int) -> int:
    """Write a CSV where 40 % of the records span lines and unquoted fields contain quotes; return its number of rows.

    Every CSV reader accepts the bare quotes (5" pipe), but they break readers that find records by quote parity.
    """
    random = np.random.default_rng(SEED)
    rows = max(1000, size // HOSTILE_ROW_BYTES)
    kinds = random.choice(4, rows, p=(0.4, 0.2, 0.2, 0.2))
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,category,quantity,size,note\n")
        for number, kind, quantity in zip(
            range(rows), kinds.tolist(), random.integers(0, 100, rows).tolist(), strict=True
        ):
            note = HOSTILE_NOTES[1 + number % 2] if kind == 0 else HOSTILE_NOTES[(0, 0, 3, 4)[kind]]
            quoted = '"' + note.replace('"', '""') + '"'
            pipe = '5" pipe' if kind == 1 else "wide"
            file.write(f"{number},c{number % 7},{quantity},{pipe},{quoted}\n")
    return rows


def main() -> None:
    """Write one file atomically, unless it exists."""
    kind, size, name = sys.argv[1:]
    path, part = Path(name), Path(f"{name}.part")
    if path.exists():
        return
    if kind == "hostile":
        write_hostile(part, int(size))
    else:
        write_data(part, int(size), flat=kind == "flat")
    part.rename(path)


if __name__ == "__main__":
    main()
