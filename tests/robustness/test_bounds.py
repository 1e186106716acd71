"""Oversized inputs: one early message, without filling disk or memory."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from csvswarm.csv_format.record_scan import MAX_RECORD_BYTES

from tests.support.jobs import Scripts

TOO_LONG = b"x" * (MAX_RECORD_BYTES + (2 << 20))


def written(scripts: Scripts, data: bytes, name: str = "data.csv") -> Path:
    path = scripts.directory / name
    path.write_bytes(data)
    return path


def refused(scripts: Scripts, source: Path, *arguments: str) -> str:
    line = scripts.split(source, *arguments).line
    assert not (scripts.job / "manifest.json").exists()
    assert not list((scripts.job / "chunks").glob("*"))
    return line


@pytest.mark.parametrize("mode", ["ranges", "files"])
@pytest.mark.parametrize("quote", [b'"', b""], ids=["quoted", "bare"])
def test_record_over_the_limit_is_rejected(scripts: Scripts, mode: str, quote: bytes) -> None:
    source = written(scripts, b"a,b\n1,2\n\n3," + quote + TOO_LONG + quote + b"\n4,5\n")

    assert refused(scripts, source, "--chunks", "3", "--mode", mode) == (
        f"{source}: record 2 is longer than 64 MB. If it opens a quote that is never closed, close it, "
        "or pass -e quotechar= if quotes have no meaning in this file; else shorten the record."
    )


def test_record_at_the_limit_is_accepted(scripts: Scripts) -> None:
    data = b"a,b\n1,2\n3," + b"x" * (MAX_RECORD_BYTES - (2 << 20)) + b"\n4,5\n"

    result = scripts.all(written(scripts, data), "--processor", "transform", "--chunks", "2")

    assert result.data == data


def test_unclosed_quote_in_a_large_file(scripts: Scripts) -> None:
    source = written(scripts, b'a,b\n1,2\n3,"\n' + b"4,5\n" * (MAX_RECORD_BYTES // 4 + (1 << 19)))

    assert refused(scripts, source).startswith(f"{source}: record 2 is longer than 64 MB. If it opens a quote")


def test_file_of_quotes_only(scripts: Scripts) -> None:
    source = written(scripts, b'a,b\n1,"' + b'"' * (MAX_RECORD_BYTES + (4 << 20)))

    assert refused(scripts, source) == f"{source}: more than 64 MB consist only of quotes: is it a CSV?"


def test_column_name_over_the_limit_is_rejected(scripts: Scripts) -> None:
    source = written(scripts, b"a," + b"b" * 200_000 + b"\n1,2\n")

    assert scripts.split(source).line == (
        f"{source}: the header contains a name of more than 131,072 characters: is it a CSV?"
    )


@pytest.fixture
def middling_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", path], check=False, capture_output=True
    ).returncode:
        pytest.skip("a disk that can be filled has to be mounted, which needs root and CAP_SYS_ADMIN")
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("chunks", ["auto", "3"])
def test_compressed_file_larger_than_the_disk(middling_disk: Path, chunks: str) -> None:
    scripts = Scripts(middling_disk)
    source = written(scripts, gzip.compress(b"a,b\n" + b"1,2\n" * (100 << 18)), "bomb.csv.gz")
    assert source.stat().st_size < 200_000

    line = refused(scripts, source, "--chunks", chunks)

    assert line.startswith(f"{source}: the input needs more than ")
    assert f"MB unpacked, but {scripts.job}/chunks has " in line
    assert line.endswith("or unpack the file elsewhere and pass the unpacked one.")


def test_twenty_thousand_columns(scripts: Scripts) -> None:
    header = ",".join(f"c{column}" for column in range(20_000))
    row = ",".join(str(column % 7) for column in range(20_000))
    data = f"{header}\n{row}\n{row}\n".encode()

    result = scripts.all(written(scripts, data), "--processor", "transform", "--options", '{"where": "c3 == 3"}')

    assert result.data == data
