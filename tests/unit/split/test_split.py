"""Splitting a file: chunks concatenate to the input byte for byte, in both modes, for any file and any count."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import xxhash
from csvswarm.errors import InputError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.split.run import Request, split
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.support.reference_record_scan import count_records, is_unclosed, record_texts, table, wild_csv

many = settings(max_examples=50)


def split_bytes(directory: Path, data: bytes, **request: Any) -> tuple[JobDirectory, Manifest]:
    number = len(list(directory.iterdir()))
    source = directory / f"input{number}.csv"
    source.write_bytes(data)
    job = JobDirectory(directory / f"job{number}")
    return job, split(job, Request(input=source, processor="transform", workers=1, delimiter=",", **request))


def chunk_bytes(job: JobDirectory, manifest: Manifest) -> list[bytes]:
    source = Path(manifest.input["path"]).read_bytes()
    texts = []
    for chunk in manifest.chunks:
        data = (job.chunks_directory / chunk.file).read_bytes() if chunk.file else source
        texts.append(data[chunk.offset : chunk.offset + chunk.length])
    return texts


@many
@given(table(), st.integers(1, 9), st.sampled_from(["ranges", "files"]), st.integers(1, 50))
@example(b"a,b\n", 3, "files", 8)
@example(b'\xef\xbb\xbfa\r\n"x\r\ny"\r\n', 2, "ranges", 8)
def test_chunks_concatenate_to_the_input(tmp_path: Path, data: bytes, chunks: int, mode: str, block: int) -> None:
    job, manifest = split_bytes(tmp_path, data, chunks=chunks, mode=mode, block_bytes=block)
    texts = chunk_bytes(job, manifest)
    if mode == "files":
        files = sorted(job.chunks_directory.iterdir())
        assert b"".join(file.read_bytes() for file in files) == data
    assert data.endswith(b"".join(texts))
    assert manifest.rows == count_records(data.removeprefix(b"\xef\xbb\xbf")) - 1
    for chunk, text in zip(manifest.chunks, texts, strict=True):
        assert chunk.rows == count_records(text)
        assert chunk.checksum == xxhash.xxh3_128(text).hexdigest()


@many
@given(wild_csv, st.integers(1, 6), st.integers(1, 30))
@example(b'x"\n"a\n', 3, 1)
def test_quotes_inside_fields_never_break_cuts(tmp_path: Path, body: bytes, chunks: int, block: int) -> None:
    data = b"a,b\n" + body
    try:
        job, manifest = split_bytes(tmp_path, data, chunks=chunks, mode="ranges", block_bytes=block)
    except InputError:
        assert is_unclosed(body)
        return
    texts = chunk_bytes(job, manifest)
    assert b"".join(texts) == body
    assert [record for text in texts for record in record_texts(text)] == record_texts(body)


def test_ranges_are_independent_of_the_number_of_processes(tmp_path: Path) -> None:
    rows = b"".join(b'%d,"note, %d\nwith a line break"\n' % (number, number) for number in range(400_000))
    source = tmp_path / "large.csv"
    source.write_bytes(b"id,note\n" + rows)
    assert source.stat().st_size > 3 * (4 << 20)
    manifests = [
        split(
            JobDirectory(tmp_path / f"job{workers}"),
            Request(input=source, processor="transform", chunks=5, workers=workers),
        )
        for workers in (1, 3)
    ]
    assert manifests[0].chunks == manifests[1].chunks
    assert manifests[0].rows == 400_000


@pytest.mark.parametrize("chunks", [None, 3])
@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_compressed_input_is_cut_like_its_text(tmp_path: Path, kind: str, chunks: int | None) -> None:
    data = b"a,b\n" + b"".join(b'%d,"x\n%d"\n' % (number, number) for number in range(5000))
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "zst": lambda text: bytes(pa.compress(text, "zstd", asbytes=True)),
    }
    packed = packers[kind](data)
    source = tmp_path / f"data.csv.{kind}"
    source.write_bytes(packed)
    job = JobDirectory(tmp_path / "job")
    manifest = split(job, Request(input=source, processor="transform", chunks=chunks, workers=2))
    assert manifest.rows == 5000
    assert manifest.mode == "files"
    assert b"".join(path.read_bytes() for path in sorted(job.chunks_directory.iterdir())) == data
    assert chunks is None or len(manifest.chunks) == chunks


def test_other_encodings_become_utf8(tmp_path: Path) -> None:
    assume_text = "näme,b\nzoë,1\n"
    for encoding in ("latin-1", "utf-16", "cp1252"):
        source = tmp_path / f"{encoding}.csv"
        source.write_bytes(assume_text.encode(encoding))
        job = JobDirectory(tmp_path / encoding)
        manifest = split(job, Request(input=source, processor="transform", encoding=encoding))
        assert manifest.names == ["näme", "b"]
        assert b"".join(path.read_bytes() for path in sorted(job.chunks_directory.iterdir())) == assume_text.encode()


@many
@given(table(min_rows=1))
def test_split_runs_once(tmp_path: Path, data: bytes) -> None:
    assume(count_records(data) > 1)
    job, manifest = split_bytes(tmp_path, data, chunks=2)
    rerun = split(
        job, Request(input=Path(manifest.input["path"]), processor="transform", workers=1, delimiter=",", chunks=5)
    )
    assert rerun.chunks == manifest.chunks
    assert rerun.created == manifest.created
