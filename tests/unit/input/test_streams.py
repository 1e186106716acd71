"""Gzip files are unpacked to the same bytes, and damage is reported in the same way, with isal and without it."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from csvswarm.errors import InputError
from csvswarm.input.streams import ErrorReportingStream, decompressed

DATA = b"".join(b"%d,%d\n" % (number, number * number) for number in range(50_000))


@pytest.fixture(params=["isal", "zlib"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpack with isal, or without it as on a machine that lacks it."""
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
        monkeypatch.delitem(sys.modules, "isal.igzip", raising=False)


def unpacked(packed: bytes) -> bytes:
    stream = ErrorReportingStream(decompressed(io.BytesIO(packed), "gzip"), Path("data.csv.gz"), "gzip")
    pieces = []
    while piece := stream.read(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def test_file_of_several_members_and_padding() -> None:
    half = len(DATA) // 2
    members = gzip.compress(DATA[:half]) + gzip.compress(b"") + gzip.compress(DATA[half:])

    assert unpacked(members + bytes(512)) == DATA


def test_truncated_file() -> None:
    with pytest.raises(InputError, match=r"data\.csv\.gz is damaged or truncated: its gzip stream ends badly after"):
        unpacked(gzip.compress(DATA)[:-1000])


def test_wrong_checksum() -> None:
    packed = bytearray(gzip.compress(DATA))
    packed[-5] ^= 1

    with pytest.raises(InputError, match=r"data\.csv\.gz is damaged or truncated"):
        unpacked(bytes(packed))


def test_invalid_block() -> None:
    packed = bytearray(gzip.compress(DATA))
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(64)

    with pytest.raises(InputError, match=r"data\.csv\.gz is damaged or truncated"):
        unpacked(bytes(packed))


def test_garbage_behind_the_last_member() -> None:
    with pytest.raises(InputError, match=r"data\.csv\.gz is damaged or truncated"):
        unpacked(gzip.compress(DATA) + b"garbage")
