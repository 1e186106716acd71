"""Rerun of a finished job: it does nothing, or everything if the result is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from csvswarm.collect.run import collect
from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.state import reconcile
from csvswarm.process.attempt import Attempt
from csvswarm.process.run import process_all, run_chunk
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.split.run import Request, split

from tests.support.jobs import SAMPLE


def run(job: JobDirectory, output: Path, mode: str) -> bytes:
    split(job, Request(input=SAMPLE, processor="transform", chunks=3, workers=1, mode=mode), output)
    process_all(job, 1)
    return Path(collect(job, output).result).read_bytes()


@pytest.mark.parametrize("mode", ["ranges", "files"])
def test_finished_job_reruns_when_its_result_is_gone(tmp_path: Path, mode: str) -> None:
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    assert run(job, output, mode) == SAMPLE.read_bytes()
    written = (output / "result.csv").stat()
    assert run(job, output, mode) == SAMPLE.read_bytes()
    assert (output / "result.csv").stat().st_mtime_ns == written.st_mtime_ns  # no chunk ran
    shutil.rmtree(output)
    assert run(job, output, mode) == SAMPLE.read_bytes()
    assert run(job, tmp_path / "elsewhere", mode) == SAMPLE.read_bytes()


def test_collecting_a_finished_job_names_its_result(tmp_path: Path) -> None:
    job = JobDirectory(tmp_path / "job")
    run(job, tmp_path / "out", "ranges")
    with pytest.raises(JobError, match=r"is done: its result is in .*out"):
        collect(job, tmp_path / "elsewhere")


def test_finished_job_keeps_only_small_files(tmp_path: Path) -> None:
    job = JobDirectory(tmp_path / "job")
    run(job, tmp_path / "out", "files")
    remaining = sorted(
        path.relative_to(job.directory).as_posix() for path in job.directory.rglob("*") if path.is_file()
    )
    assert not [name for name in remaining if name.endswith(".csv")]


def test_late_attempt_under_an_older_schema_has_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csvswarm.split.schema_sample.SAMPLES", 1)  # so that no sample contains the text in the middle
    monkeypatch.setattr("csvswarm.split.schema_sample.SAMPLE_BYTES", 64)
    source = tmp_path / "late.csv"
    rows = "".join(f"{number},2\n" for number in range(40_000))
    source.write_text(f"a,b\n{rows}x,2\n{rows}")
    processor = tmp_path / "map.py"
    processor.write_text("def process(block, context):\n    return block\n")
    job = JobDirectory(tmp_path / "job")
    manifest = split(job, Request(input=source, processor=str(processor), chunks=3, workers=1, block_bytes=100_000))
    loaded = load_job_processor(job, manifest)
    late = Attempt(job, manifest, loaded, 2, "late")
    for number in (1, 2, 3):
        run_chunk(job, manifest, loaded, number)
    assert reconcile(job, manifest).generation == 2
    late.run()
    process_all(job, 1)
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == source.read_bytes()
