"""Paths and sizes of the benchmark's files."""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.measure import ROOT

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}

DATA, WORK, RESULTS = ROOT / "bench/data", ROOT / "bench/work", ROOT / "bench/results"
IMAGES = ROOT / "docs/images"


@dataclass(frozen=True)
class File:
    """An input file: its kind (see bench.data), a suffix if it is compressed, and its size if that is fixed."""

    kind: str
    suffix: str = ""
    size: int | None = None


def size_of(text: str) -> int:
    """Return the number of bytes of a size like 100MB."""
    number, unit = text[:-2], text[-2:].upper()
    if unit not in UNITS or not number.isdigit() or not int(number):
        raise argparse.ArgumentTypeError(f"SIZE={text} is not a size: use a value like 100MB or 1GB")
    return int(number) * UNITS[unit]


def data_file(file: File, size: int) -> Path:
    """Return an input file, created if it is missing, and read once so that it is in the page cache."""
    size = min(file.size or size, size)
    path = DATA / f"{file.kind}-{size}.csv"
    DATA.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        print(f"bench: writing {path.relative_to(ROOT)}", flush=True)
        call("bench.data", file.kind, str(size), str(path))
    if file.suffix:
        path = _compressed(path, file.suffix)
    with path.open("rb", buffering=0) as data:
        while data.read(1 << 20):
            pass
    return path


def _compressed(path: Path, suffix: str) -> Path:
    target = path.with_name(path.name + suffix)
    if not target.exists():
        if suffix == ".gz":
            with path.open("rb") as source, gzip.open(target, "wb", compresslevel=6) as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        else:
            call("bench.data", "zst", str(path), str(target))
    return target


def call(*arguments: str) -> None:
    """Run a module of this package, in another process because of its memory, see measure.py."""
    subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True)
