"""GNU parallel, which splits the file at line ends and passes the pieces to a pandas script: this file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from bench.peers.arguments import arguments, pandas_code, piece_bytes
from bench.works import JOBS


def job(work: str) -> None:
    """Process the piece of the file on standard input."""
    code = pandas_code(work)
    block = code.process(pd.read_csv(sys.stdin.buffer, usecols=getattr(code, "columns", None)), None)
    block.to_csv(sys.stdout, header=os.environ["PARALLEL_SEQ"] == "1", index=False)


def main() -> None:
    """Do the work."""
    if sys.argv[1] == "job":
        job(sys.argv[2])
        return
    work, source, output = arguments()
    code = pandas_code(work)
    cut = ["--pipepart", "-a", str(source), "--header", ":", "--block", str(piece_bytes(source))]
    run = ["-k", f"-j{JOBS}", "--tmpdir", str(output.parent)]
    python = [sys.executable, "-m", "bench.peers.gnu_parallel", "job", work]
    pieces = Path(f"{output}.pieces") if hasattr(code, "combine") else output
    with pieces.open("wb") as file:
        subprocess.run(["parallel", "--will-cite", *cut, *run, *python], stdout=file, check=True)
    if hasattr(code, "combine"):
        code.finish(code.combine([pd.read_csv(pieces)], None), None).to_csv(output, index=False)
        pieces.unlink()


if __name__ == "__main__":
    main()
