"""Paths that are not writable, or occupied by other files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.jobs import Scripts

ROWS = 20_000
DATA = "id,x\n" + "".join(f"{number},{number}\n" for number in range(ROWS))
GOOD = "id,x\n1,2\n"


def written(scripts: Scripts, text: str = GOOD, name: str = "data.csv") -> Path:
    path = scripts.directory / name
    path.write_text(text)
    return path


# -- the output --------------------------------------------------------------------------------------------------------


def test_unwritable_output(unprivileged: Scripts) -> None:
    source = written(unprivileged)
    unprivileged.output.mkdir()
    unprivileged.output.chmod(0o555)
    message = f"output {unprivileged.output} is not writable: you lack the permission on {unprivileged.output}."

    assert unprivileged.split(source).line == message
    assert not unprivileged.job.exists()

    unprivileged.output.chmod(0o755)
    assert unprivileged.split(source).code == 0
    assert unprivileged.process().code == 0
    unprivileged.output.chmod(0o555)
    assert unprivileged.collect().line == message
    assert unprivileged.shows_no_result()

    unprivileged.output.chmod(0o755)
    assert unprivileged.collect().answer["rows_in"] == 1


def test_output_must_not_be_a_file(scripts: Scripts) -> None:
    scripts.output.write_text("mine")

    assert scripts.split(written(scripts)).line == f"output {scripts.output} is a file: name a directory."
    assert not scripts.job.exists()
    assert scripts.output.read_text() == "mine"


def test_output_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("mine")
    scripts = Scripts(tmp_path)
    source = written(scripts)
    output = tmp_path / "in the way" / "out"

    line = scripts.split(source, "--output", output).line

    assert line == f"output {output} cannot be created: {tmp_path / 'in the way'} is a file."


def test_output_with_the_result_of_another_job(scripts: Scripts) -> None:
    source = written(scripts)
    scripts.all(source)
    before = {path: path.read_bytes() for path in scripts.output.iterdir()}
    other = scripts.directory / "other"
    message = (
        f"output {scripts.output} already contains the result of job job: "
        "name another directory, or remove that one first."
    )

    assert scripts.split(source, "--job", other).line == message
    assert not other.exists()
    assert {path: path.read_bytes() for path in scripts.output.iterdir()} == before


def test_output_with_a_foreign_result(scripts: Scripts) -> None:
    scripts.output.mkdir()
    (scripts.output / "result.csv").write_text("precious")

    assert scripts.split(written(scripts)).line == (
        f"output {scripts.output} already contains a result.csv of something else: name another directory."
    )
    assert (scripts.output / "result.csv").read_text() == "precious"


def test_other_files_in_the_output_are_kept(scripts: Scripts) -> None:
    scripts.output.mkdir()
    (scripts.output / "notes.txt").write_text("mine")

    scripts.all(written(scripts))

    assert (scripts.output / "notes.txt").read_text() == "mine"


# -- the job -----------------------------------------------------------------------------------------------------------


def test_job_of_another_input(scripts: Scripts) -> None:
    source = written(scripts)
    assert scripts.split(source).code == 0

    assert scripts.split(written(scripts, name="other.csv")).line == (
        f"job job was made for another input ({source}): leave out job_id to start a new job."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--options", '{"window": 3}'), "with another value of options"),
        (("--processor", "transform"), "with another processor, or another version of it"),
        (("--column-types", '{"x": "text"}'), "with another value of column_types"),
        (("--null-values", '["-"]'), "with another value of null_values"),
        (("--delimiter", ","), "with another value of delimiter"),
        (("--encoding", "latin-1"), "with another encoding (utf-8)"),
    ],
)
def test_job_with_another_request(scripts: Scripts, arguments: tuple[str, ...], message: str) -> None:
    source = written(scripts)
    assert scripts.split(source).code == 0
    manifest = (scripts.job / "manifest.json").read_bytes()

    line = scripts.split(source, *arguments).line

    assert line.startswith(f"job job was made {message}")
    assert line.endswith(": leave out job_id to start a new job.")
    assert (scripts.job / "manifest.json").read_bytes() == manifest


def test_invalid_job_id(scripts: Scripts) -> None:
    job = scripts.directory / "My Job"

    assert scripts.split(written(scripts), "--job", job).line == (
        "'My Job' cannot be a job id: use up to 63 of a-z, 0-9, '.', '_' and '-', the first a letter or digit."
    )
    assert not job.exists()


def test_job_must_not_be_a_file(scripts: Scripts) -> None:
    scripts.job.write_text("mine")

    assert scripts.split(written(scripts)).line.startswith(f"{scripts.job}")
    assert scripts.job.read_text() == "mine"


def test_unwritable_job(unprivileged: Scripts) -> None:
    source = written(unprivileged)
    jobs = unprivileged.directory / "jobs"
    jobs.mkdir(mode=0o555)

    assert unprivileged.split(source, "--job", jobs / "one").line == (
        f"{jobs / 'one'}: Permission denied. Check its permissions, or name another directory."
    )


def test_missing_job(scripts: Scripts) -> None:
    message = f"{scripts.job} contains no complete split: run split_dataframe.py with this --job first."

    assert scripts.process().line == message
    assert scripts.collect().line == message
    assert not scripts.job.exists()
    assert not scripts.output.exists()


def test_unknown_chunk(scripts: Scripts) -> None:
    assert scripts.split(written(scripts)).code == 0

    assert scripts.process("--chunk", "2").line == "job job has chunks 1 to 1, no chunk 2."
    assert scripts.collect().line == (
        "job job cannot be collected: 1 of 1 chunks have no partial (first: chunk 1). "
        "Rerun split_processing.py with this --job."
    )
    assert scripts.shows_no_result()


@pytest.mark.parametrize(("name", "value"), [("chunks", "0"), ("workers", "many")])
def test_invalid_number(scripts: Scripts, name: str, value: str) -> None:
    assert scripts.split(written(scripts), f"--{name}={value}").line == (
        f"{name} is {value!r}, but must be auto or a whole number from 1 to 100000."
    )


# -- no space left -----------------------------------------------------------------------------------------------------


def grow(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)


def test_disk_full_during_the_split(scripts: Scripts, small_disk: Path) -> None:
    source = written(scripts, DATA * 3)
    full = Scripts(scripts.directory)
    job = small_disk / "one"
    arguments = ("--job", job, "--mode", "files", "--processor", "transform", "--chunks", "3")

    line = full.split(source, *arguments).line

    assert line.startswith("no space left on the disk of ")
    assert line.endswith(": free some and rerun with the same job_id; finished work is kept.")
    assert not (job / "manifest.json").exists()

    grow(small_disk)
    assert full.split(source, *arguments).answer["chunks"] == 3


def test_disk_full_during_processing(scripts: Scripts, small_disk: Path) -> None:
    source = written(scripts, DATA)
    job = small_disk / "one"
    assert scripts.split(source, "--job", job, "--processor", "transform", "--chunks", "4").code == 0
    (small_disk / "ballast").write_bytes(bytes(100 << 10))

    line = scripts.process("--job", str(job), "--workers", "1").line

    assert "No space left on device" in line
    assert line.endswith("Finished chunks are kept: rerun with the same job_id when the cause is fixed.")
    done = len(list((job / "receipts").iterdir()))
    assert 0 < done < 4

    (small_disk / "ballast").unlink()
    grow(small_disk)
    assert scripts.process("--job", str(job), "--workers", "1").answer["chunks_run"] == 4 - done
    assert scripts.collect("--job", job).code == 0
    assert (scripts.output / "result.csv").read_text() == DATA


def test_disk_full_during_collection(scripts: Scripts, small_disk: Path) -> None:
    source = written(scripts, DATA)
    output = small_disk / "out"
    assert scripts.split(source, "--output", output, "--processor", "transform").code == 0
    assert scripts.process().code == 0
    (small_disk / "ballast").write_bytes(bytes(100 << 10))

    assert scripts.collect("--output", output).line.startswith("no space left on the disk of ")
    assert scripts.shows_no_result(output)

    grow(small_disk)
    assert scripts.collect("--output", output).answer["rows_out"] == ROWS
    assert (output / "result.csv").read_text() == DATA


def test_file_size_limit(scripts: Scripts) -> None:
    source = written(scripts, DATA)
    assert scripts.split(source, "--processor", "transform").code == 0
    limited = Scripts(scripts.directory, ("prlimit", f"--fsize={100 << 10}"))

    assert "the last time because of File too large" in limited.process().line
    assert scripts.process().code == 0
    assert scripts.collect().answer["rows_out"] == ROWS


#: The processor, its options, and the one file of an attempt that exceeds the limit.
WRITTEN = {
    "rows": ("transform", {}, "partial.csv", 1000),
    "groups": ("aggregate", {"group_by": ["id"], "metrics": {"id": "count"}}, "partial.small", 1000),
    "figures": ("statistics", {}, "partial.arrow", 1000),
    "rejected records": ("transform", {"where": "id < 0"}, "rejected.csv", 3000),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_file_size_limit_error_names_the_file(scripts: Scripts, kind: str) -> None:
    processor, options, name, limit = WRITTEN[kind]
    source = written(scripts, "id,note\n" + "".join(f"{n},some text\n1,2,3,4\n" for n in range(500)))
    chosen = ("--options", json.dumps(options), "--on-error", "quarantine", "--chunks", "1")
    assert scripts.split(source, "--processor", processor, *chosen).code == 0
    limited = Scripts(scripts.directory, ("prlimit", f"--fsize={limit}"))

    line = limited.process("--chunk", "1", "--attempt", "a").line

    assert line.startswith(f"{scripts.job}/attempts/000001-a.{name}: ")
    assert "File too large" in line
