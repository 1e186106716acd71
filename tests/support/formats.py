"""Results in other formats: data with values that a careless writer changes, and jobs over it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from csvswarm.collect.verify import verify

from tests.support.jobs import SAMPLE, run_with_all_cuts

CUTS = ((1, 1 << 20), (3, 256), (7, 64))
#: Values that a careless writer changes.
HEADER = ["id", "big", "x", "ok", "text", "code"]
ROWS: list[list[str]] = [
    ["1", "9223372036854775807", "0.1", "True", "plain", "007"],
    ["2", "-9223372036854775808", "0.30000000000000004", "False", "a,b", "1"],
    ["3", "9007199254740993", "1e+300", "True", 'say "hi"', "2"],
    ["4", "0", "5e-324", "False", "two\nlines", "3"],
    ["5", "999999999999999", "-0.5", "True", "=1+1", "x"],
    ["6", "", "", "", "é☃𝄞", "4"],
    ["7", "12", "inf", "True", "NA", "5"],
    ["8", "13", "-inf", "False", "", "6"],
    ["9", "14", "123456789.12345679", "True", " blanks ", "#N/A"],
]
#: The same as values. Unquoted, an empty field is missing; quoted, it is text in a text column.
VALUES: list[tuple[Any, ...]] = [
    (
        int(row[0]),
        int(row[1]) if row[1] else None,
        float(row[2]) if row[2] else None,
        row[3] == "True" if row[3] else None,
        row[4],
        row[5],
    )
    for row in ROWS
]


def source(directory: Path, rows: Iterable[list[str]] = ROWS) -> Path:
    """A CSV in which text is quoted, and nothing else."""
    path = directory / "data.csv"

    def field(index: int, value: str) -> str:
        return f'"{value.replace(chr(34), chr(34) * 2)}"' if index >= 4 else value

    lines = [",".join(field(index, value) for index, value in enumerate(row)) for row in rows]
    path.write_text("\n".join([",".join(HEADER), *lines, ""]), newline="")
    return path


def produce(directory: Path, path: Path, output_format: str, **request: Any) -> Path:
    """Run a job cut in three ways, assert that the bytes are the same, and return the path of the result."""
    given = {"processor": "transform", **request}
    run_with_all_cuts(directory, path, cuts=CUTS, output_format=output_format, **given)
    output = directory / f"job-1-{1 << 20}-out"
    verify(output)
    (found,) = [entry for entry in output.iterdir() if entry.name.startswith("result")]
    assert {entry.name for entry in output.iterdir()} == {found.name, "job.json", "_SUCCESS"}
    return found


def sample_of(directory: Path) -> Path:
    """The first rows of the sample."""
    path = directory / "sample.csv"
    path.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:40]))
    return path
