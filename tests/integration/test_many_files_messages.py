"""Inputs of many files: messages name the file, and a resume, a check and a verification inspect each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from csvswarm.collect.verify import verify
from csvswarm.errors import CsvswarmError, InputError, JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.split.check import check
from csvswarm.split.run import Request, split

from tests.support.jobs import run_with_all_cuts
from tests.support.many_files import CUTS, FIRST, SECOND, record, run, write


def test_a_bad_record_is_named_by_its_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "b.csv": "id,name\n4,u\n5\n"})

    with pytest.raises(CsvswarmError, match=f"^{folder}/b.csv: record 2: "):
        run(tmp_path, folder)

    result = run(tmp_path / "q", folder, on_error="quarantine", max_rejected="100%")
    assert [(row[0], row[-1]) for row in result.rejects] == [("2", "b.csv")]

    with pytest.raises(CsvswarmError, match=f"first: record 2 of {folder}/b.csv"):
        run(tmp_path / "m", folder, on_error="quarantine", max_rejected="0")


def test_a_processor_error_names_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": "a\n1\n2\n", "b.csv": "a\n3\n0\n"})

    with pytest.raises(CsvswarmError, match=f"records 1 to 2 of {folder}/b.csv"):
        run(tmp_path, folder, "def process(block, context):\n    assert (block['a'] > 0).all()\n    return block\n")


def test_an_unclosed_quote_is_named_by_its_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "b.csv": 'id,name\n4,"u\n'})

    with pytest.raises(InputError, match=f"^{folder}/b.csv: record 1 opens a quote that is never closed"):
        run(tmp_path, folder)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["*.tsv"], "matches no file"),
        (["empty"], "is a folder without files"),
        (["a.csv", "nothing.csv"], "nothing.csv does not exist"),
        ([], "input is an empty list"),
    ],
)
def test_names_without_files_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "empty/folder/x.csv": FIRST})

    with pytest.raises(InputError, match=message):
        run(tmp_path, [folder / name for name in names])


def test_a_warning_names_the_file(tmp_path: Path) -> None:
    values = "".join(f"{value}\n" for value in range(20))
    folder = write(tmp_path, {"a.csv": f"v\n{values}", "b.csv": f"v\n{values}oops\n"})

    run_with_all_cuts(tmp_path, folder, cuts=CUTS)

    (warning,) = (text for text in record(tmp_path)["warnings"] if "oops" in text)
    assert f"'oops' in record 21 of {folder}/b.csv" in warning


# -- resume, check, verify ---------------------------------------------------------------------------------------------


def test_a_resume_refuses_other_files(tmp_path: Path) -> None:
    folder, job = write(tmp_path, {"a.csv": FIRST, "b.csv": SECOND}), JobDirectory(tmp_path / "job")
    request = Request(input=folder, processor="transform")
    made = split(job, request)

    assert split(job, request) == made
    (folder / "c.csv").write_text(SECOND)
    with pytest.raises(JobError, match=f"was made before {folder}/c.csv was added to the input"):
        split(job, request)
    (folder / "c.csv").unlink()
    (folder / "a.csv").write_text(FIRST + "9,z\n")
    with pytest.raises(JobError, match=f"was made from {folder}/a.csv as it was before it changed"):
        split(job, request)
    (folder / "a.csv").unlink()
    with pytest.raises(JobError, match=f"was made with {folder}/a.csv, which is gone"):
        split(job, request)
    with pytest.raises(JobError, match="was made for another input"):
        split(job, Request(input=folder / "b.csv", processor="transform"))


def test_a_job_is_verified_file_by_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "b.csv": "name;id\nu;4\nv;5\n"})
    run(tmp_path, folder, source_file=True)
    output = tmp_path / "job-3-64-out"

    assert verify(output)["read"]
    (folder / "b.csv").write_text("name;id\nu;4\nw;5\n")
    with pytest.raises(JobError, match=f"{folder}/b.csv has changed: records"):
        verify(output)


def test_a_check_counts_the_files(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.csv": FIRST, "b.csv": SECOND})

    found = check(JobDirectory(tmp_path / "job"), Request(input=[folder]), tmp_path / "out")

    assert (found["bytes"], found["chunks"]) == (len(FIRST) + len(SECOND), 2)
