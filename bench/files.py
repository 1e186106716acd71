"""Paths and sizes of the benchmark's files."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.measure import ROOT
from bench.rounds import call

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}

DATA, WORK, RESULTS = ROOT / "bench/data", ROOT / "bench/work", ROOT / "bench/results"
IMAGES = ROOT / "docs/images"


def size_of(text: str) -> int:
    """Return the number of bytes of a size like 100MB."""
    number, unit = text[:-2], text[-2:].upper()
    if unit not in UNITS or not number.isdigit() or not int(number):
        raise argparse.ArgumentTypeError(f"SIZE={text} is not a size: use a value like 100MB or 1GB")
    return int(number) * UNITS[unit]


def data_file(kind: str, size: int) -> Path:
    """Return an input file, created if it is missing, and read once so that it is in the page cache."""
    path = DATA / f"{kind}-{size}.csv"
    DATA.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        print(f"bench: writing {path.relative_to(ROOT)}", flush=True)
        call("bench.data", kind, str(size), str(path))
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
    return path
