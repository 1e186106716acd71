"""Dask with a pool of processes.

Every partition is written to its own file and the files are concatenated: `single_file=True` writes them sequentially,
which is slower. `assume_missing` reads integers as floats: Dask infers types from the first rows, and would otherwise
fail at the first missing value in a column of integers.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import dask
import dask.dataframe as dd

from bench.peers.arguments import arguments, pandas_code, piece_bytes
from bench.works import JOBS


def main() -> None:
    """Do the work."""
    work, source, output = arguments()
    code = pandas_code(work)
    with dask.config.set(scheduler="processes", num_workers=JOBS):
        frame = dd.read_csv(
            source, blocksize=piece_bytes(source), assume_missing=True, usecols=getattr(code, "columns", None)
        )
        if hasattr(code, "combine"):
            column = code.columns[1]
            figures = ["count", "sum", "mean", "min", "max"] if work == "aggregate" else ["count", "sum"]
            frame.groupby("category")[column].agg(figures).compute().sort_index().to_csv(output)
            return
        parts = Path(f"{output}.parts")
        written = frame.map_partitions(code.process, None).to_csv(str(parts / "*.csv"), index=False)
    with output.open("wb") as file:
        for number, part in enumerate(written):
            with Path(part).open("rb") as rows:
                if number:
                    rows.readline()
                shutil.copyfileobj(rows, file, 1 << 20)
    shutil.rmtree(parts)


if __name__ == "__main__":
    main()
