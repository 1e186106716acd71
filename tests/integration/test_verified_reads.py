"""Only verified bytes of a file are used: bytes that change between two reads have no effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from csvswarm.errors import CsvswarmError
from csvswarm.job.chunk_reader import ChunkReader
from csvswarm.reading.block_reader import Reader

from tests.support.jobs import run_in_process

DATA = b"id,x\n" + b"".join(b"%d,%d\n" % (number, number) for number in range(100, 200))
RECENT = """
OVERLAP = 3

def process(block, context):
    return block.assign(most=block.x.rolling(4, min_periods=1).max()).iloc[context.overlap :]
"""
SKIPPING = """
OVERLAP = 40

def process(block, context):
    return block.assign(most=block.x.rolling(41, min_periods=1).max()).iloc[context.overlap :]
"""


def before(function: Callable[..., Any], act: Callable[[], object]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        act()
        return function(*arguments, **named)

    return call


def after(function: Callable[..., Any], act: Callable[[], object]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        act()
        return result

    return call


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(DATA)
    (tmp_path / "recent.py").write_text(RECENT)
    return path


def test_overlap_rows_are_verified(tmp_path: Path, source: Path) -> None:
    request: dict[str, Any] = {"processor": str(tmp_path / "recent.py"), "chunks": 2, "block_bytes": 64}
    expected = run_in_process(tmp_path, source, **request)
    (tmp_path / "changed").mkdir()
    changed = DATA.replace(b"149,149", b"149,949")
    assert changed != DATA

    def change_when_the_first_chunk_is_verified() -> None:
        source.write_bytes(changed)

    def restore() -> None:
        source.write_bytes(DATA)

    with (
        mock.patch.object(ChunkReader, "verify", after(ChunkReader.verify, change_when_the_first_chunk_is_verified)),
        mock.patch.object(ChunkReader, "blocks", before(ChunkReader.blocks, restore)),
    ):
        result = run_in_process(tmp_path / "changed", source, **request)

    assert result == expected


def test_bad_record_is_reported_only_for_verified_bytes(tmp_path: Path, source: Path) -> None:
    damaged = DATA.replace(b"150,150", b"150,,50")

    with (
        mock.patch.object(ChunkReader, "blocks", before(ChunkReader.blocks, lambda: source.write_bytes(damaged))),
        mock.patch.object(Reader, "read", before(Reader.read, lambda: source.write_bytes(DATA))),
        pytest.raises(CsvswarmError, match="has changed since the split: the bytes of chunk 1 differ"),
    ):
        run_in_process(tmp_path, source, processor="transform")


def test_overlap_rows_skip_quarantined_records(tmp_path: Path) -> None:
    (tmp_path / "skipping.py").write_text(SKIPPING)
    lines = DATA.splitlines(keepends=True)
    lines[20:95] = [line.rstrip() + b",\n" for line in lines[20:95]]  # almost all rows before the second half are bad
    path = tmp_path / "bad.csv"
    path.write_bytes(b"".join(lines))
    request: dict[str, Any] = {
        "processor": str(tmp_path / "skipping.py"),
        "on_error": "quarantine",
        "max_rejected": "100%",
    }

    expected = run_in_process(tmp_path, path, chunks=1, **request)

    for chunks, block_bytes in ((2, 16), (4, 64), (9, 1 << 20)):
        assert run_in_process(tmp_path, path, chunks=chunks, block_bytes=block_bytes, **request) == expected
