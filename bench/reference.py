"""Compute the correct answers: `python -m bench.reference WORK INPUT OUTPUT`.

Simple and slow: one pass of pandas' C engine over the whole file, and Python's csv module for the hostile one.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bench.peers.arguments import arguments, pandas_code


def main() -> None:
    """Write the correct answer."""
    work, source, output = arguments()
    if work.startswith("hostile"):
        rows = _hostile_map(source) if work == "hostile_map" else _hostile_aggregate(source)
        with output.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    elif work == "aggregate":
        prices = pd.read_csv(source, engine="c", usecols=["category", "price"]).groupby("category")["price"]
        prices.agg(["count", "sum", "mean", "min", "max"]).to_csv(output)
    else:
        pandas_code(work).process(pd.read_csv(source, engine="c"), None).to_csv(output, index=False)


def _records(source: Path) -> Iterator[list[str]]:
    with source.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def _hostile_map(source: Path) -> Iterator[list[str]]:
    records = _records(source)
    header = next(records)
    yield [*header, "twice"]
    column = header.index("quantity")
    for record in records:
        quantity = int(record[column])
        if quantity >= 50:
            yield [*record, str(quantity * 2)]


def _hostile_aggregate(source: Path) -> Iterator[list[str]]:
    records = _records(source)
    header = next(records)
    group, column = header.index("category"), header.index("quantity")
    quantities: dict[str, list[int]] = defaultdict(list)
    for record in records:
        quantities[record[group]].append(int(record[column]))
    yield ["category", "count", "sum"]
    for name, values in sorted(quantities.items()):
        yield [name, str(len(values)), str(sum(values))]


if __name__ == "__main__":
    main()
