"""Compressed input: read, or refused with one message."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from csvswarm.errors import InputError

from tests.robustness.refusals import GOOD, refused, written
from tests.support.jobs import Scripts, run_in_process, run_with_all_cuts

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
}
NAMES = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}


def plenty() -> bytes:
    """A CSV that does not compress well: a megabyte becomes half of one."""
    numbers = np.random.default_rng(3).integers(0, 1 << 60, (25_000, 2)).tolist()
    return b"a,b\n" + b"".join(b"%d,%d\n" % (a, b) for a, b in numbers)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_file(scripts: Scripts, suffix: str) -> None:
    data = plenty()
    source = written(scripts, COMPRESS[suffix](data), f"data.csv.{suffix}")

    assert (
        run_with_all_cuts(scripts.directory, source, cuts=((1, 1 << 20), (2, 1 << 17)), processor="transform").data
        == data
    )


@pytest.mark.parametrize("suffix", COMPRESS)
def test_truncated_compressed_file(scripts: Scripts, suffix: str) -> None:
    packed = COMPRESS[suffix](plenty())
    source = written(scripts, packed[:-1000], f"data.csv.{suffix}")

    line = refused(scripts, source)

    assert line.startswith(f"{source} is damaged or truncated: its {NAMES[suffix]} stream ends badly after ")
    assert line.endswith(" Copy or download a new one.")


@pytest.mark.parametrize("suffix", COMPRESS)
def test_corrupted_compressed_file(scripts: Scripts, suffix: str) -> None:
    packed = bytearray(COMPRESS[suffix](plenty()))
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(64)
    source = written(scripts, bytes(packed), f"data.csv.{suffix}")

    assert f"{source} is damaged or truncated: its {NAMES[suffix]} stream" in refused(scripts, source)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_empty_compressed_file(scripts: Scripts, suffix: str) -> None:
    source = written(scripts, COMPRESS[suffix](b""), f"data.csv.{suffix}")

    with pytest.raises(InputError, match="is empty: a CSV needs at least a header record"):
        run_in_process(scripts.directory, source)


def test_ranges_of_a_compressed_file_are_rejected(scripts: Scripts) -> None:
    source = written(scripts, gzip.compress(GOOD.encode()), "data.csv.gz")

    assert refused(scripts, source, "--mode", "ranges") == (
        f"{source} is compressed, not UTF-8 or in a dialect that must be rewritten: ranges of it cannot be read; use "
        "mode files."
    )
