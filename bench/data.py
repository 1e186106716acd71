"""Generate the input files of the benchmark.

    python -m bench.data {main,flat,flights,text,wide,narrow,hostile} SIZE FILE
    python -m bench.data zst SOURCE FILE          compress a file

Polars writes most, so that csvswarm does not read its own format. They have the same bytes on every machine.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

SEED = 20_240_229
BATCH_ROWS = 100_000
#: Approximate number of bytes per row; sizes of files are accurate to a few per cent.
ROW_BYTES, HOSTILE_ROW_BYTES = 99, 37
FLIGHTS_ROW_BYTES, TEXT_ROW_BYTES, WIDE_ROW_BYTES, NARROW_ROW_BYTES = 90, 780, 1950, 14
TEXT_BATCH_ROWS, WIDE_BATCH_ROWS = 10_000, 2_000
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
WORDS = ("river", "engine", "paper", "winter", "of", "the", "and", "stone", "quiet", "letters", "number", "house")
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


def write_flights(path: Path, size: int) -> None:
    """Write a CSV of the shape of the sample: 19 columns, integers with gaps, carriers, airports and tail numbers."""
    rows = max(1000, size // FLIGHTS_ROW_BYTES)
    _write(path, (_flights(min(BATCH_ROWS, rows - first), first, rows) for first in range(0, rows, BATCH_ROWS)))


def _flights(count: int, first: int, rows: int) -> dict[str, Any]:
    random = np.random.default_rng(SEED + first)
    hours = np.arange(first, first + count) * 8700 // rows
    at = np.datetime64("2013-01-01T05", "h") + hours.astype("timedelta64[h]")
    day = at.astype("datetime64[D]")
    missing = random.random(count) < 0.025
    scheduled, delay = (
        random.integers(5, 23, count) * 100 + random.integers(0, 60, count),
        random.gamma(1, 20, count) - 8,
    )
    arrival = delay + random.normal(-5, 15, count)
    tail = np.char.add("N", (10_000 + random.integers(0, 4_000, count) * 7).astype(str))

    def gaps(values: Any) -> pa.Array:
        return pa.array(values.astype(np.int64), mask=missing)

    return {
        "year": day.astype("datetime64[Y]").astype(int) + 1970,
        "month": day.astype("datetime64[M]").astype(int) % 12 + 1,
        "day": (day - day.astype("datetime64[M]")).astype(int) + 1,
        "dep_time": gaps(scheduled),
        "sched_dep_time": scheduled,
        "dep_delay": gaps(delay),
        "arr_time": gaps(scheduled + 200),
        "sched_arr_time": scheduled + 200,
        "arr_delay": gaps(arrival),
        "carrier": pa.array(random.choice(CARRIERS, count)),
        "flight": random.integers(1, 6000, count),
        "tailnum": pa.array(tail, mask=random.random(count) < 0.007),
        "origin": pa.array(random.choice(["EWR", "JFK", "LGA"], count)),
        "dest": pa.array(random.choice([f"D{number:02d}" for number in range(100)], count)),
        "air_time": gaps(random.integers(30, 600, count)),
        "distance": random.integers(80, 5000, count),
        "hour": scheduled // 100,
        "minute": scheduled % 100,
        "time_hour": pa.array(np.char.add(np.char.replace(at.astype(str), "T", " "), ":00:00")),
    }


def write_text(path: Path, size: int) -> None:
    """Write a CSV of long texts with commas, quotes and line ends, every field in quotes."""
    random = np.random.default_rng(SEED)
    rows = max(200, size // TEXT_ROW_BYTES)
    words = np.array([f"{word}{mark}" for word in WORDS for mark in ("", "", "", ",", '."', "\n")])

    def batches() -> Iterator[dict[str, Any]]:
        for first in range(0, rows, TEXT_BATCH_ROWS):
            count = min(TEXT_BATCH_ROWS, rows - first)
            bodies = [" ".join(random.choice(words, length)) for length in random.integers(5, 200, count)]
            yield {
                "id": np.arange(first, first + count),
                "author": [f"author {number}" for number in random.integers(0, 5000, count)],
                "tag": [f"tag {number}" for number in random.integers(0, 50, count)],
                "score": np.round(random.uniform(0, 10, count), 3),
                "body": bodies,
            }

    _write(path, batches(), quote_style="always")


def write_wide(path: Path, size: int) -> None:
    """Write a CSV of a key and 500 columns of integers."""
    random = np.random.default_rng(SEED)
    rows = max(100, size // WIDE_ROW_BYTES)

    def batches() -> Iterator[dict[str, Any]]:
        for first in range(0, rows, WIDE_BATCH_ROWS):
            count = min(WIDE_BATCH_ROWS, rows - first)
            numbers = random.integers(0, 1000, (500, count))
            yield {"key": [f"k{number}" for number in random.integers(0, 20, count)]} | {
                f"c{number}": column for number, column in enumerate(numbers)
            }

    _write(path, batches())


def write_narrow(path: Path, size: int) -> None:
    """Write a CSV of two columns: a key with up to a million values, and a float."""
    random = np.random.default_rng(SEED)
    rows = max(1000, size // NARROW_ROW_BYTES)
    counts = (min(BATCH_ROWS, rows - first) for first in range(0, rows, BATCH_ROWS))
    _write(path, ({"k": random.integers(0, 10**6, n), "v": np.round(random.normal(0, 50, n), 3)} for n in counts))


def _write(path: Path, batches: Iterator[dict[str, Any]], **options: Any) -> None:
    import polars as pl

    with path.open("wb") as file:
        for number, batch in enumerate(batches):
            pl.DataFrame(batch).write_csv(file, include_header=not number, **options)


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
    kind, given, name = sys.argv[1:]
    path, part = Path(name), Path(f"{name}.part")
    if path.exists():
        return
    if kind == "zst":
        with Path(given).open("rb") as source, pa.CompressedOutputStream(str(part), "zstd") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    elif kind in ("main", "flat"):
        write_data(part, int(given), flat=kind == "flat")
    else:
        writers = {"flights": write_flights, "text": write_text, "wide": write_wide, "narrow": write_narrow}
        {**writers, "hostile": write_hostile}[kind](part, int(given))
    part.rename(path)


if __name__ == "__main__":
    main()
