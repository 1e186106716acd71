"""A processor may replace the files of its own job: no script hangs, exhausts memory or follows a link."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import NotRegular, open_regular, read_json, read_regular
from csvswarm.job.receipt import Receipt
from hypothesis import given
from hypothesis import strategies as st

from tests.support.jobs import Scripts, unmerge_partials

DATA = "id,x\n" + "".join(f"{number},{number}\n" for number in range(300))


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


def deep(path: Path) -> None:
    path.write_text("[" * 200_000)


def directory(path: Path) -> None:
    path.mkdir()


REPLACEMENTS = {of.__name__: of for of in (fifo, link_to_zeros, huge, deep, directory)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A processed job, for tests to copy."""
    scripts = Scripts(tmp_path_factory.mktemp("made"))
    source = scripts.directory / "data.csv"
    source.write_text(DATA)
    assert scripts.split(source, "--chunks", "3", "--processor", "transform").code == 0
    assert scripts.process().code == 0
    return scripts.job


@pytest.fixture
def scripts(tmp_path: Path, made: Path) -> Scripts:
    """The scripts on a processed job."""
    scripts = Scripts(tmp_path)
    shutil.copytree(made, scripts.job)
    return scripts


@pytest.mark.parametrize("replace", REPLACEMENTS.values(), ids=REPLACEMENTS)
@pytest.mark.parametrize("name", ["manifest.json", "schema-0001.json", "receipts/000002-0001.json"])
def test_irregular_job_file_is_rejected(scripts: Scripts, name: str, replace: Callable[[Path], None]) -> None:
    path = scripts.job / name
    path.unlink()
    replace(path)

    for run in (scripts.collect(), scripts.collect("--plan")):
        assert run.line.startswith(f"{path} is damaged (")
    assert scripts.shows_no_result()
    if name.startswith("receipts") and replace is fifo:
        assert scripts.process().answer["chunks_run"] == 1  # empty, as after a power loss
    else:
        assert scripts.process().line.startswith(f"{path} is damaged (")


@pytest.mark.parametrize("replace", [fifo, link_to_zeros, directory])
def test_irregular_partial_is_reprocessed(scripts: Scripts, replace: Callable[[Path], None]) -> None:
    unmerge_partials(JobDirectory(scripts.job))
    (partial,) = (scripts.job / "attempts").glob("000002-*.partial.csv")
    partial.unlink()
    replace(partial)

    assert scripts.collect().line.startswith("the partial of chunk 2 in ")
    assert scripts.process().answer["chunks_run"] == 1
    if partial.is_dir():
        partial.rmdir()
    assert scripts.collect().code == 0
    assert (scripts.output / "result.csv").read_text() == DATA


@pytest.mark.parametrize("replace", REPLACEMENTS.values(), ids=REPLACEMENTS)
@pytest.mark.parametrize("name", ["merged.log", "merged.csv"])
def test_irregular_merged_file_is_ignored(scripts: Scripts, name: str, replace: Callable[[Path], None]) -> None:
    (scripts.job / name).unlink()
    replace(scripts.job / name)

    assert scripts.collect().line.startswith("the partials of chunks 1, 2, 3 in ")
    assert scripts.shows_no_result()


@pytest.mark.parametrize("replace", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_irregular_attempt_receipt_is_ignored(scripts: Scripts, replace: Callable[[Path], None]) -> None:
    replace(scripts.job / "attempts" / "000001-zzz.1.json")

    assert scripts.collect().code == 0


@pytest.mark.parametrize("replace", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_irregular_lock_file_is_rejected(scripts: Scripts, replace: Callable[[Path], None]) -> None:
    (scripts.job / "csvswarm.lock").unlink()
    replace(scripts.job / "csvswarm.lock")

    run = scripts.process()
    if replace in (huge, deep):
        assert run.code == 0
    else:
        assert str(scripts.job / "csvswarm.lock") in run.line


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"files": {"partial": "x"}},
        {"files": {"partial": {"name": "../../manifest.json", "bytes": 1, "checksum": ""}}},
        {"chunk": "2"},
        {"rows_in": None},
        {"types": [1]},
        {"rejected": 1e308},
        {"status": []},
        {"extra": 1},
    ],
)
def test_receipt_with_fields_of_wrong_types_is_damaged(scripts: Scripts, change: dict[str, object]) -> None:
    path = scripts.job / "receipts" / "000002-0001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    assert scripts.collect().line.startswith(f"{path} is damaged (")


@pytest.mark.parametrize(
    "change",
    [{"request": []}, {"names": 1}, {"versions": []}, {"permissions": "x"}, {"split": 7}, {"input": None}],
)
def test_manifest_with_fields_of_wrong_types_is_damaged(scripts: Scripts, change: dict[str, object]) -> None:
    path = scripts.job / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    for run in (scripts.process(), scripts.collect()):
        assert run.line.startswith(f"{path} is damaged (")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted(Receipt(1, 1, "a", "done").to_json()))


@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_receipt_is_read_with_valid_fields_or_rejected(change: dict[str, object]) -> None:
    data = Receipt(1, 1, "a", "done").to_json() | change
    try:
        receipt = Receipt.from_json(data)
    except (TypeError, ValueError, KeyError):
        return
    assert receipt.to_json() == data
    assert all(file["name"] and "/" not in file["name"] for file in receipt.files.values())


def test_file_growing_beyond_its_limit_during_the_read_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 11)
    assert read_regular(tmp_path / "large", 11) == b"x" * 11
    with pytest.raises(NotRegular):
        read_regular(tmp_path / "large", 10)
    with pytest.raises(JobError, match="larger than 10 bytes"):
        read_json(tmp_path / "large", max_bytes=10)


@pytest.mark.parametrize("path", ["/dev/null", "/dev", "/proc/self/exe"])
def test_only_regular_files_are_opened(path: str) -> None:
    with pytest.raises(NotRegular):
        open_regular(Path(path))
