"""`make bench-plots`: plot time and memory against the size of the input and the number of chunks.

The figures are written as CSV, which bench.draw plots in another process, because the measuring process must stay small
(see measure.py).
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.files import DATA, IMAGES, WORK, File, call, data_file, size_of
from bench.question import Question
from bench.questions import AGGREGATE, MAP
from bench.runs import Row, one_run
from bench.tools import CSVSWARM, Task, Tool, all_tools

SIZES = "10MB,30MB,100MB,300MB,1GB,2GB"
CHUNKS = "1,3,10,30,100,300,1000"
ROUNDS = 3
PLOTTED = (CSVSWARM, "Polars", "DuckDB")
FIELDS = ["work", "tool", "bytes", "chunks", "seconds", "peak_process", "peak_tree", "verdict"]

Point = dict[str, Any]


def by_size(sizes: list[int]) -> Iterator[Point]:
    """Measure the fast tools on files of these sizes."""
    tools = [tool for tool in all_tools() if tool.name in PLOTTED]
    for size in sizes:
        source = data_file(File("main"), size)
        for question in (MAP, AGGREGATE):
            yield from _points(question, source, {(tool.name, "auto"): tool for tool in tools})


def by_chunks(size: int, chunks: list[int]) -> Iterator[Point]:
    """Measure csvswarm on one file with these numbers of chunks."""
    source = data_file(File("main"), size)
    ours = next(tool for tool in all_tools() if tool.name == CSVSWARM)
    for question in (MAP, AGGREGATE):
        yield from _points(question, source, {(CSVSWARM, str(number)): ours for number in chunks})


def _points(question: Question, source: Path, runs: dict[tuple[str, str], Tool]) -> Iterator[Point]:
    rows = {key: Row(tool.name) for key, tool in runs.items()}
    for _ in range(ROUNDS):
        for key, tool in runs.items():
            one_run(tool, Task(question, source, WORK / "run", chunks=key[1]), rows[key])
    for (name, chunks), row in rows.items():
        yield {
            "work": question.name,
            "tool": name,
            "bytes": source.stat().st_size,
            "chunks": chunks,
            "seconds": round(row.median("seconds"), 3),
            "peak_process": int(row.median("peak_process")),
            "peak_tree": int(row.median("peak_tree")),
            "verdict": row.verdict,
        }


def _write(name: str, points: Iterator[Point]) -> None:
    path = IMAGES / f"{name}.csv"
    rows = list(points)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    call("bench.draw", name, str(path), str(path.with_suffix(".svg")))


def main() -> int:
    """Read the arguments, measure and plot."""
    parser = argparse.ArgumentParser(prog="make bench-plots", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default=SIZES, help=f"sizes of the first plot ({SIZES})")
    parser.add_argument("--chunks", default=CHUNKS, help=f"numbers of chunks of the second plot ({CHUNKS})")
    parser.add_argument("--size", type=size_of, default=size_of("1GB"), help="size of its input file (1GB)")
    parser.add_argument("--keep", action="store_true", help="keep the data for the next run")
    arguments = parser.parse_args()
    try:
        _write("by-size", by_size([size_of(text) for text in arguments.sizes.split(",")]))
        _write("by-chunks", by_chunks(arguments.size, [int(text) for text in arguments.chunks.split(",")]))
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
        if not arguments.keep:
            shutil.rmtree(DATA, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
