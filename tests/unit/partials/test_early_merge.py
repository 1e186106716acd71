"""Early merging: whatever happens to the merged file, the result is the same and no partial is lost."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from csvswarm.collect.run import collect
from csvswarm.errors import CsvswarmError, JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.partials.merged_file import PRIMARY, SECONDARY, MergedFile
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split

from tests.support.jobs import SAMPLE, unmerge_partials


@pytest.fixture
def job(tmp_path: Path) -> JobDirectory:
    return processed(tmp_path)


def processed(tmp_path: Path, *, durable: bool = False) -> JobDirectory:
    job = JobDirectory(tmp_path / "job")
    split(job, Request(input=SAMPLE, processor="transform", chunks=5, workers=2, durable=durable))
    process_all(job, 2)
    return job


def partials(job: JobDirectory) -> list[int]:
    return sorted(int(path.name[:6]) for path in job.attempts_directory.glob("*.partial.csv"))


def revoke(job: JobDirectory, chunk: int) -> None:
    (job.receipts_directory / f"{chunk:06d}-0001.json").unlink()


def test_the_merged_file_becomes_the_result(job: JobDirectory, tmp_path: Path) -> None:
    merged = MergedFile(job.directory, PRIMARY).data.stat()
    collected = collect(job, tmp_path / "out")
    assert Path(collected.result).read_bytes() == SAMPLE.read_bytes()
    assert Path(collected.result).stat().st_ino == merged.st_ino
    assert Path(collected.result).stat().st_nlink == 1
    assert collected.rows_out == 27_004


def test_partial_is_removed_once_it_is_merged(job: JobDirectory) -> None:
    parts, whole = MergedFile(job.directory, PRIMARY).read()
    assert partials(job) == []
    assert whole is not None
    for part, receipt in zip(parts, job.receipts(), strict=True):
        assert part.is_of(receipt)


def test_partials_of_a_durable_job_are_kept(tmp_path: Path) -> None:
    job = processed(tmp_path, durable=True)
    assert partials(job) == [1, 2, 3, 4, 5]
    MergedFile(job.directory, PRIMARY).data.write_bytes(b"not this")
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == SAMPLE.read_bytes()


@pytest.mark.parametrize(
    ("harm", "lost"),
    [("no log", [1, 2, 3, 4, 5]), ("no data", [1, 2, 3, 4, 5]), ("cut off", [5]), ("a byte", [3]), ("a line", [2])],
)
def test_only_partials_lost_with_a_damaged_merged_file_are_reprocessed(
    job: JobDirectory, tmp_path: Path, harm: str, lost: list[int]
) -> None:
    merged = MergedFile(job.directory, PRIMARY)
    if harm == "no log":
        merged.log.unlink()
    elif harm == "no data":
        merged.data.unlink()
    elif harm == "cut off":
        merged.data.write_bytes(merged.data.read_bytes()[:-1])
    elif harm == "a byte":
        data = bytearray(merged.data.read_bytes())
        data[merged.read()[0][2].offset + 7] ^= 1
        merged.data.write_bytes(data)
    else:
        merged.log.write_bytes(merged.log.read_bytes().replace(b'"chunk": 2', b'"chunk": 7'))

    with pytest.raises(JobError, match="lost or damaged") as raised:
        collect(job, tmp_path / "out")

    numbers = ", ".join(map(str, lost))
    assert f"chunk{'s' * (len(lost) > 1)} {numbers} in" in str(raised.value)
    assert process_all(job, 2).chunks_run == len(lost)
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == SAMPLE.read_bytes()


def test_truncated_log_line_does_not_hide_earlier_partials(job: JobDirectory, tmp_path: Path) -> None:
    merged = MergedFile(job.directory, PRIMARY)
    merged.log.write_bytes(merged.log.read_bytes()[:-3])
    assert merged.read()[1] is None
    result = Path(collect(job, tmp_path / "out").result)
    assert result.read_bytes() == SAMPLE.read_bytes()


def test_partials_in_a_growing_merged_file_are_found(job: JobDirectory) -> None:
    merged = MergedFile(job.directory, PRIMARY)
    whole = merged.log.read_bytes()
    first = whole.splitlines(keepends=True)[0]
    merged.log.write_bytes(first)
    assert [part.chunk for part in merged.parts_of(1)] == [1]
    assert merged.parts_of(2) == []
    merged.log.write_bytes(whole)
    assert [part.chunk for part in merged.parts_of(2)] == [2]


def test_reprocessed_chunk_is_not_read_from_the_merged_file(job: JobDirectory, tmp_path: Path) -> None:
    revoke(job, 2)
    assert process_all(job, 1).chunks_run == 1
    first, other = MergedFile(job.directory, PRIMARY), MergedFile(job.directory, SECONDARY)
    assert [part.chunk for part in other.read()[0]] == [1, 2, 3, 4, 5]
    assert [part.attempt for part in other.read()[0]] != [part.attempt for part in first.read()[0]]
    assert partials(job) == [2]  # only the first merged file may be the sole copy of a partial
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == SAMPLE.read_bytes()
    assert not list(job.directory.glob("merged*"))


def test_concurrent_runs_use_separate_merged_files(tmp_path: Path) -> None:
    job = JobDirectory(tmp_path / "job")
    split(job, Request(input=SAMPLE, processor="transform", chunks=4, workers=1))
    first = MergedFile(job.directory, PRIMARY)
    first.log.write_bytes(b"")  # another run has just started it
    first.data.write_bytes(b"its bytes")
    process_all(job, 1)
    assert first.data.read_bytes() == b"its bytes"
    assert partials(job) == [1, 2, 3, 4]
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == SAMPLE.read_bytes()


def test_failed_run_keeps_the_merged_partials(tmp_path: Path) -> None:
    processor, mark = tmp_path / "fails.py", tmp_path / "mark"
    processor.write_text(
        "import pathlib\n\n"
        "def process(block, context):\n"
        f"    if context.chunk == 3 and pathlib.Path({str(mark)!r}).exists():\n"
        "        undefined_name\n"
        "    return block\n"
    )
    mark.touch()
    job = JobDirectory(tmp_path / "job")
    split(job, Request(input=SAMPLE, processor=str(processor), chunks=4, workers=1))
    with pytest.raises(CsvswarmError, match="NameError"):
        process_all(job, 1)
    merged = MergedFile(job.directory, PRIMARY)
    parts, whole = merged.read()
    assert [part.chunk for part in parts] == [1, 2]
    assert whole is None
    assert merged.data.stat().st_size == parts[-1].offset + parts[-1].bytes

    mark.unlink()
    assert process_all(job, 1).chunks_run == 2
    result = collect(job, tmp_path / "out").result
    rerun = JobDirectory(tmp_path / "rerun")
    split(rerun, Request(input=SAMPLE, processor=str(processor), chunks=1))
    process_all(rerun, 1)
    assert Path(result).read_bytes() == Path(collect(rerun, tmp_path / "other").result).read_bytes()


def test_empty_merged_file_is_removed(tmp_path: Path) -> None:
    processor = tmp_path / "fails.py"
    processor.write_text("def process(block, context):\n    undefined_name\n")
    job = JobDirectory(tmp_path / "job")
    split(job, Request(input=SAMPLE, processor=str(processor), chunks=4, workers=1))
    with pytest.raises(CsvswarmError, match="NameError"):
        process_all(job, 1)
    assert not list(job.directory.glob("merged*"))


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM])
def test_merged_file_is_copied_if_links_fail(
    job: JobDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refused)
    result = Path(collect(job, tmp_path / "out").result)
    assert result.read_bytes() == SAMPLE.read_bytes()


def test_damaged_result_is_rewritten(job: JobDirectory, tmp_path: Path) -> None:
    output = tmp_path / "out"
    collect(job, output)
    (output / "result.csv").write_bytes(b"damaged")
    rerun = split(job, Request(input=SAMPLE, processor="transform", chunks=5, workers=2), output)
    process_all(job, 2)
    assert Path(collect(job, output).result).read_bytes() == SAMPLE.read_bytes()
    assert rerun.rows == 27_004


def test_partials_from_before_a_resume_are_merged(job: JobDirectory, tmp_path: Path) -> None:
    unmerge_partials(job)
    revoke(job, 2)
    assert process_all(job, 1).chunks_run == 1
    assert MergedFile(job.directory, PRIMARY).read()[1] is not None
    assert partials(job) == [2]  # the revoked one
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == SAMPLE.read_bytes()


@pytest.mark.parametrize("remaining", ["half", "the result"])
def test_killed_collector_leaves_a_resumable_output(job: JobDirectory, tmp_path: Path, remaining: str) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "job.json").write_text(json.dumps({"format": 2, "job_id": job.job_id, "status": "collecting"}))
    if remaining == "half":
        (output / "result.csv").write_bytes(b"half")
    else:
        os.link(MergedFile(job.directory, PRIMARY).data, output / "result.csv")
        os.link(MergedFile(job.directory, PRIMARY).data, output / f".result.csv.{job.job_id}.0123456789ab")
    assert Path(collect(job, output).result).read_bytes() == SAMPLE.read_bytes()
    assert sorted(path.name for path in output.iterdir()) == ["_SUCCESS", "job.json", "result.csv"]
