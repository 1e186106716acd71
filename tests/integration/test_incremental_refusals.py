"""What an incremental job refuses: changed files, and files that would change how the earlier ones are read."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import CsvswarmError, InputError, JobError, OptionError
from csvswarm.job.directory import JobDirectory

from tests.support.incremental import FEBRUARY, JANUARY, WIDER, run
from tests.support.jobs import run_in_process
from tests.support.many_files import write


@pytest.mark.parametrize("change", ["changed", "removed"])
def test_an_earlier_file_must_stay_as_it_was(tmp_path: Path, change: str) -> None:
    folder = write(tmp_path, {"1.csv": JANUARY, "2.csv": JANUARY})
    before = run(tmp_path, folder, processor="convert")
    if change == "changed":
        write(tmp_path, {"2.csv": FEBRUARY})
        message = f"was made from {folder}/2.csv as it was before it changed: pass another job_id"
    else:
        (folder / "2.csv").unlink()
        message = f"was made with {folder}/2.csv, which is gone: pass another job_id"
    write(tmp_path, {"3.csv": FEBRUARY})

    with pytest.raises(JobError, match=message):
        run(tmp_path, folder, processor="convert")

    assert (tmp_path / "job-1-64-out/result.csv").read_bytes() == before.data


@pytest.mark.parametrize(
    ("texts", "request_", "message"),
    [
        ((JANUARY, "key,n,when,more\n1,2,3,4\n"), {"union": True}, "the input has the new columns 'more'"),
        (
            ("key;n\na;1\n", "key;n\na;1,5\nb;2,25\n"),
            {},
            "numbers would be parsed differently (pass decimal and thousands)",
        ),
        ((JANUARY, FEBRUARY), {"source_file": True, "files": True}, "files of the same name need longer names"),
        (("key,n\na,b\n", "n,key\nb,a\n"), {"quotechar": ""}, "the earlier files would be rewritten differently"),
    ],
)
def test_files_that_change_how_others_are_read(
    tmp_path: Path, texts: tuple[str, str], request_: dict[str, Any], message: str
) -> None:
    request = {"processor": "convert", **request_}
    names = ("1/x.csv", "2/x.csv") if request.pop("files", False) else ("1/x.csv", "1/y.csv")
    pattern = write(tmp_path, {names[0]: texts[0]}) / "**/*.csv"
    before = run(tmp_path, pattern, **request)
    folder = write(tmp_path, {names[1]: texts[1]})

    with pytest.raises(JobError) as error:
        run(tmp_path, pattern, **request)

    assert f"cannot add {folder / names[1]}: with them, {message}" in str(error.value)
    assert (tmp_path / "job-1-64-out/result.csv").read_bytes() == before.data
    assert JobDirectory(tmp_path / "job-1-64").done_path.exists()


def test_a_file_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path, {"1.csv.gz": gzip.compress(JANUARY.encode())})
    run(tmp_path, folder, processor="convert")
    write(tmp_path, {"2.csv.gz": gzip.compress(b'key,n,when\na,"1\n')})

    with pytest.raises(InputError, match=r"2\.csv\.gz: record 1 opens a quote that is never closed"):
        run(tmp_path, folder, processor="convert")

    assert [path.name for path in sorted((tmp_path / "job-1-64/chunks").glob("*1.csv"))] == ["000001.csv"]
    (folder / "2.csv.gz").unlink()
    write(tmp_path, {"3.csv": WIDER[1]})
    assert run(tmp_path, folder, processor="convert") == run_in_process(tmp_path / "w", folder, processor="convert")


def test_requests_that_cannot_be_incremental(tmp_path: Path) -> None:
    folder = write(tmp_path, {"1.csv": JANUARY})

    with pytest.raises(OptionError, match=r"not the single file .*1\.csv"):
        run(tmp_path, folder / "1.csv", processor="convert")
    with pytest.raises(OptionError, match="cannot be combined with limit"):
        run(tmp_path, folder, processor="convert", limit=1)
    with pytest.raises(OptionError, match="jobs on one machine"):
        run(tmp_path, folder, processor="convert", durable=True)


def test_a_job_that_kept_no_state_is_not_continued(tmp_path: Path) -> None:
    folder = write(tmp_path, {"1.csv": JANUARY})
    run(tmp_path, folder, processor="convert", incremental=False)

    with pytest.raises(CsvswarmError, match="with another value of incremental"):
        run(tmp_path, folder, processor="convert")
