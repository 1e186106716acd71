"""pandas in one process, 250,000 rows at a time."""

from __future__ import annotations

import pandas as pd

from bench.peers.arguments import arguments, pandas_code

ROWS = 250_000


def main() -> None:
    """Do the work."""
    work, source, output = arguments()
    code = pandas_code(work)
    wanted = getattr(code, "columns", None)
    blocks = (code.process(block, None) for block in pd.read_csv(source, chunksize=ROWS, usecols=wanted))
    if hasattr(code, "combine"):
        code.finish(code.combine(list(blocks), None), None).to_csv(output, index=False)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        for number, block in enumerate(blocks):
            block.to_csv(file, header=not number, index=False)


if __name__ == "__main__":
    main()
