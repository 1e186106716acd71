"""The cache of an input's checksum: it saves reading a file, but never returns another file's checksum."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.processing_job.plugin_loader import digest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n1,2\n")
    return path


def entry(cache: Path) -> Path:
    (found,) = cache.iterdir()
    return found


def true(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def same_times(path: Path, like: os.stat_result) -> None:
    os.utime(path, ns=(like.st_atime_ns, like.st_mtime_ns))


def test_a_file_is_read_once(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert digest.digest(source, cache) == true(source)

    # A reread of the file would not return this.
    known = json.loads(entry(cache).read_text())
    entry(cache).write_text(json.dumps(known | {"sha256": "what was remembered"}))
    assert digest.digest(source, cache) == "what was remembered"


@pytest.mark.parametrize("change", ["content", "content at the same time", "length", "another file in its place"])
def test_changed_file_is_rehashed(source: Path, tmp_path: Path, change: str) -> None:
    cache = tmp_path / "cache"
    digest.digest(source, cache)
    before = source.stat()

    if change == "content":
        source.write_bytes(b"a,b\n1,3\n")
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif change == "content at the same time":
        source.write_bytes(b"a,b\n1,3\n")
        same_times(source, before)
    elif change == "length":
        source.write_bytes(b"a,b\n1,22\n")
        same_times(source, before)
    else:
        other = tmp_path / "other"
        other.write_bytes(b"a,b\n1,3\n")
        same_times(other, before)
        other.replace(source)

    assert digest.digest(source, cache) == true(source)
    # and its new checksum is cached
    assert json.loads(entry(cache).read_text())["sha256"] == true(source)


@pytest.mark.parametrize(
    "broken", [b"", b'{"identity": [1', b"\xff\xfe\x00", b"{}", b"[]", b"null", b'{"identity": 7, "sha256": "x"}']
)
def test_damaged_cache_entry_is_rewritten(source: Path, tmp_path: Path, broken: bytes) -> None:
    cache = tmp_path / "cache"
    digest.digest(source, cache)
    entry(cache).write_bytes(broken)

    assert digest.digest(source, cache) == true(source)
    assert json.loads(entry(cache).read_text())["sha256"] == true(source)


def test_files_with_equal_names_have_separate_entries(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / source.name
    other.parent.mkdir()
    other.write_bytes(b"c\n1\n")
    cache = tmp_path / "cache"

    for _ in range(2):
        assert [digest.digest(path, cache) for path in (source, other)] == [true(source), true(other)]
