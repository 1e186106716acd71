"""Incremental jobs: what a later run adds gives the bytes of one job over all files."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from csvswarm.collect.run import collect
from csvswarm.collect.verify import verify
from csvswarm.errors import CsvswarmError, JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.split.check import check
from csvswarm.split.run import Request, split
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.incremental import FEBRUARY, JANUARY, WIDER, grow, run
from tests.support.jobs import run_in_process
from tests.support.many_files import write

COMBINED = """
import pandas as pd

def process(block, context):
    return pd.DataFrame({"rows": [len(block)], "keys": ["".join(map(str, block["key"]))]})

def combine(partials, context):
    found = pd.concat(partials)
    return pd.DataFrame({"rows": [found["rows"].sum()], "keys": ["".join(found["keys"])]})
"""
PROCESSORS: dict[str, dict[str, Any]] = {
    "aggregate": {"group_by": ["key"], "metrics": {"n": ["count", "nunique"]}},
    "statistics": {},
    "statistics of windows": {"window": 3},
    "profile": {},
    "transform": {"assign": {"twice": "n + n"}},
    "convert": {},
    "sort": {"by": ["n", "key"]},
    "distinct": {"by": ["key"], "keep": "last"},
    "top": {"by": ["n"], "n": 2, "group_by": ["key"]},
    "sample": {"fraction": 0.5},
}


NOTES = """
def process(block, context):
    with open({path!r}, "a") as file:
        print(context.chunk, file=file)
    return block
"""
ROWS = st.tuples(
    st.sampled_from(["a", "b", "", "NA", '"x, y"']),
    st.sampled_from(["1", "2", "-3", "2.5", "", "1e300", "x"]),
    st.sampled_from(["2024-01-01", "2024-02-01 10:00:00", "", "soon"]),
)
FILES = st.lists(ROWS, max_size=6).map(lambda rows: "key,n,when\n" + "".join(f"{','.join(row)}\n" for row in rows))


@pytest.mark.parametrize("chunks", [1, 3, 7])
@pytest.mark.parametrize("name", PROCESSORS)
def test_the_result_is_that_of_one_job_over_all_files(tmp_path: Path, name: str, chunks: int) -> None:
    runs = [{"2024-01.csv": JANUARY}, {"2024-02.csv": FEBRUARY}, {f"2024-03-{i}.csv": t for i, t in enumerate(WIDER)}]

    first, second, third = grow(
        tmp_path, runs, processor=name.partition(" ")[0], options=PROCESSORS[name], chunks=chunks
    )

    assert first != third
    assert second != third


@pytest.mark.parametrize("name", ["aggregate", "statistics of windows", "transform", "distinct", "combined"])
@given(
    runs=st.lists(st.lists(FILES, min_size=1, max_size=2), min_size=1, max_size=3), chunks=st.sampled_from([1, 3, 7])
)
@settings(max_examples=10)
def test_any_files_in_any_runs(
    tmp_path_factory: pytest.TempPathFactory, name: str, runs: list[list[str]], chunks: int
) -> None:
    directory = tmp_path_factory.mktemp("runs")
    processor = name.partition(" ")[0]
    if name == "combined":
        processor = str(directory / "combined.py")
        Path(processor).write_text(COMBINED)
    options = {"assign": {"copy": "n"}} if name == "transform" else PROCESSORS.get(name, {})
    named = [{f"{run}-{number}.csv": text for number, text in enumerate(files)} for run, files in enumerate(runs)]

    grow(directory, named, processor=processor, options=options, chunks=chunks)


def test_files_in_any_form_can_be_added(tmp_path: Path) -> None:
    """Compressed files, and files in another order or dialect, are kept as chunk files."""
    runs: list[dict[str, str | bytes]] = [
        {"1.csv": JANUARY},
        {"2.csv.gz": gzip.compress(FEBRUARY.encode())},
        {"3.csv": "when;key;n\n2024-03-01;z;9\n"},
        {"4.csv": WIDER[0]},  # has all files before it reread
    ]

    grow(tmp_path, runs, processor="transform", options={"assign": {"twice": "n + n"}}, chunks=3)
    grow(tmp_path / "of files", [*runs[1:3], *runs[:1], runs[3]], processor="statistics", chunks=3)


def test_an_earlier_name_comes_after_the_files_of_earlier_runs(tmp_path: Path) -> None:
    run(tmp_path, write(tmp_path, {"2024-02.csv": FEBRUARY}), processor="convert")
    late = run(tmp_path, write(tmp_path, {"2024-01.csv": JANUARY}), processor="convert")

    renamed = write(tmp_path / "renamed", {"1.csv": FEBRUARY, "2.csv": JANUARY})
    assert late == run_in_process(tmp_path / "renamed", renamed, processor="convert")


def test_only_new_files_are_processed(tmp_path: Path) -> None:
    notes, processor = tmp_path / "notes", tmp_path / "mine.py"
    processor.write_text(NOTES.format(path=str(notes)))
    request = {"processor": str(processor)}

    results = []
    for month in (1, 2, 3):
        results.append(run(tmp_path, write(tmp_path, {f"{month}.csv": JANUARY}), **request))
        assert notes.read_text().split() == [str(chunk + 1) for chunk in range(month)]
    repeated = run(tmp_path, tmp_path / "data", **request)

    assert repeated == results[-1]
    assert len(notes.read_text().split()) == 3
    record = json.loads((tmp_path / "job-1-64-out/job.json").read_text())
    assert [Path(file["path"]).name for file in record["sources"]] == ["1.csv", "2.csv", "3.csv"]
    assert record["rows_in"] == 9
    assert verify(tmp_path / "job-1-64-out")["read"]


def test_results_of_many_files_are_replaced(tmp_path: Path) -> None:
    runs = [{"1.csv": JANUARY}, {"2.csv": FEBRUARY}]

    grow(tmp_path, runs, processor="convert", output_format="jsonl", partition_by=["key"], chunks=3)


def test_lists_may_grow(tmp_path: Path) -> None:
    folder = write(tmp_path, {"b.csv": FEBRUARY, "a.csv": JANUARY, "c.csv": JANUARY})

    run(tmp_path, [folder / "a.csv", folder / "b.csv"], processor="convert")
    grown = run(tmp_path, [folder / "c.csv", folder / "b.csv", folder / "a.csv"], processor="convert")

    assert grown == run_in_process(tmp_path / "whole", folder, processor="convert")


def test_files_without_records_change_nothing(tmp_path: Path) -> None:
    empty = "key,n,when\n"

    grow(tmp_path, [{"1.csv": empty}, {"2.csv": empty}, {"3.csv": JANUARY}, {"4.csv": empty}], processor="convert")


def test_rejected_records_are_those_of_one_job(tmp_path: Path) -> None:
    runs = [{"1.csv": JANUARY + "z\n"}, {"2.csv": "key,n,when\nz\n" + FEBRUARY[11:]}]

    *_, last = grow(tmp_path, runs, processor="convert", on_error="quarantine", max_rejected="90%")

    assert [(row[0], row[-1]) for row in last.rejects] == [("4", "1.csv"), ("1", "2.csv")]


@pytest.mark.parametrize("saved", [0, 1, 2])
def test_a_killed_run_is_resumed(tmp_path: Path, saved: int) -> None:
    """Neither the former result nor the state of the job is taken for the new one. saved: manifests before the kill."""
    folder = write(tmp_path, {"1.csv": JANUARY})
    run(tmp_path, folder, processor="convert")
    write(tmp_path, {"2.csv": FEBRUARY})
    job, request = JobDirectory(tmp_path / "job-1-64"), Request(input=folder, processor="convert", incremental=True)
    save, left = JobDirectory.save_manifest, [None] * saved

    def save_or_die(self: JobDirectory, manifest: Manifest) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        save(self, manifest)

    with mock.patch.object(JobDirectory, "save_manifest", save_or_die):
        if saved < 2:
            with pytest.raises(KeyboardInterrupt):
                split(job, request)
        else:
            split(job, request)

    assert job.done_path.exists() == (saved == 0)
    assert run(tmp_path, folder, processor="convert") == run_in_process(tmp_path / "w", folder, processor="convert")


def test_a_lost_partial_is_reprocessed(tmp_path: Path) -> None:
    folder = write(tmp_path, {"1.csv": JANUARY})
    run(tmp_path, folder, processor="convert")
    (partial,) = (tmp_path / "job-1-64/attempts").glob("*.partial.csv")
    partial.write_bytes(b"x" + partial.read_bytes()[1:])
    write(tmp_path, {"2.csv": FEBRUARY})

    with pytest.raises(JobError, match=r"the partial of chunk 1 .* its receipt was revoked"):
        run(tmp_path, folder, processor="convert")

    assert run(tmp_path, folder, processor="convert") == run_in_process(tmp_path / "w", folder, processor="convert")


def test_a_file_of_a_failed_run_may_be_corrected(tmp_path: Path) -> None:
    """Not those of the result: neither while the job is failed, nor after it was restarted."""
    folder = write(tmp_path, {"1.csv": JANUARY})
    run(tmp_path, folder, processor="convert")
    for text in ("key,n,when\nz\n", "key,n,when\nz,z\n"):
        write(tmp_path, {"2.csv": text})
        with pytest.raises(CsvswarmError, match=r"2\.csv: record 1: "):
            run(tmp_path, folder, processor="convert")
    (folder / "1.csv").rename(tmp_path / "away")

    with pytest.raises(JobError, match=r"was made with .*1\.csv, which is gone"):
        run(tmp_path, folder, processor="convert")

    (tmp_path / "away").rename(folder / "1.csv")
    write(tmp_path, {"2.csv": FEBRUARY})
    assert run(tmp_path, folder, processor="convert") == run_in_process(tmp_path / "w", folder, processor="convert")


def test_a_removed_job_does_not_return_an_old_result(tmp_path: Path) -> None:
    """A changed file may have as many records as before."""
    folder = write(tmp_path, {"1.csv": JANUARY})
    run(tmp_path, folder, processor="convert")
    shutil.rmtree(tmp_path / "job-1-64")
    write(tmp_path, {"1.csv": JANUARY.replace("3", "4")})

    assert run(tmp_path, folder, processor="convert") == run_in_process(tmp_path / "w", folder, processor="convert")


def test_a_lost_result_is_collected_from_what_is_kept(tmp_path: Path) -> None:
    folder = write(tmp_path, {"1.csv": JANUARY})
    first = run(tmp_path, folder, processor="convert")
    job, output = JobDirectory(tmp_path / "job-1-64"), tmp_path / "job-1-64-out"
    shutil.rmtree(output)

    split(job, Request(input=folder, processor="convert", incremental=True), output)
    collected = collect(job, output)

    assert Path(collected.result).read_bytes() == first.data


@pytest.mark.parametrize("is_done", [True, False])
def test_all_files_are_reprocessed_after_an_update(tmp_path: Path, is_done: bool) -> None:
    folder = write(tmp_path, {"1.csv": JANUARY})
    run(tmp_path, folder, processor="convert")
    manifest = tmp_path / "job-1-64/manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "versions": {"csvswarm": "0"}}))
    if not is_done:
        (tmp_path / "job-1-64/done.json").unlink()

    grown = run(tmp_path, write(tmp_path, {"2.csv": FEBRUARY}), processor="convert")

    assert grown == run_in_process(tmp_path / "whole", folder, processor="convert")
    assert json.loads(manifest.read_text())["versions"] != {"csvswarm": "0"}


def test_a_check_allows_new_files(tmp_path: Path) -> None:
    folder = write(tmp_path, {"1.csv": JANUARY})
    run(tmp_path, folder, processor="convert")
    write(tmp_path, {"0.csv": FEBRUARY})
    request = Request(input=[folder], processor="convert", incremental=True)

    assert check(JobDirectory(tmp_path / "job-1-64"), request, tmp_path / "job-1-64-out")["chunks"] == 2
