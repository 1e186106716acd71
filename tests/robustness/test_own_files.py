"""Only files created by the job are removed or replaced; all others stay unchanged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.jobs import Scripts

DATA = "id,x\n" + "".join(f"{number},{number}\n" for number in range(300))
BAD = DATA + "1,2,3\n"


def written(scripts: Scripts, text: str = DATA) -> Path:
    path = scripts.directory / "data.csv"
    path.write_text(text)
    return path


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


# -- the job directory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chunks/000001.csv", "attempts/mine", "notes.txt", "processor.py", ".hidden"])
def test_non_empty_directory_is_not_claimed(scripts: Scripts, name: str) -> None:
    path = scripts.job / name
    path.parent.mkdir(parents=True)
    path.write_text("precious")

    line = scripts.split(written(scripts)).line

    assert line == (
        f"{scripts.job} is neither a job directory nor empty (it contains {name.split('/', maxsplit=1)[0]}): "
        "use another directory, or one that does not exist yet."
    )
    assert files(scripts.job) == {name: b"precious"}


def test_empty_directory_is_claimed(scripts: Scripts) -> None:
    scripts.job.mkdir()

    assert scripts.all(written(scripts), "--processor", "transform").data == DATA.encode()


def test_user_files_in_a_job_are_kept(scripts: Scripts) -> None:
    source = written(scripts)
    arguments = ("--processor", "transform", "--mode", "files")
    scripts.all(source, *arguments)
    mine = [scripts.job / name for name in ("chunks/mine.csv", "attempts/notes", "receipts/mine", "mine.json")]
    for path in mine:
        path.write_text("precious")
    (scripts.output / "result.csv").unlink()  # so that the whole job is rerun

    assert scripts.all(source, *arguments).data == DATA.encode()
    assert [path.read_text() for path in mine] == ["precious"] * 4


# -- the output directory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["result.csv", "rejected.csv", "_SUCCESS", "job.json"])
@pytest.mark.parametrize("step", ["split", "collect"])
def test_foreign_file_with_a_reserved_name_is_rejected(scripts: Scripts, name: str, step: str) -> None:
    source = written(scripts)
    if step == "collect":
        assert scripts.split(source).code == 0
        assert scripts.process().code == 0
    scripts.output.mkdir()
    (scripts.output / name).write_text("{}")

    line = (scripts.split(source) if step == "split" else scripts.collect()).line

    assert line.startswith(
        f"output {scripts.output} already contains a {name} of something else: name another directory"
    )
    assert files(scripts.output) == {name: b"{}"}


def test_files_with_other_names_are_kept(scripts: Scripts) -> None:
    scripts.output.mkdir()
    names = [".result.csv.bak", ".result.csv.mine", ".rejected.csv.0123456789ab", "notes.txt", "result.csv.1"]
    for name in names:
        (scripts.output / name).write_text("precious")

    scripts.all(written(scripts))

    assert [(scripts.output / name).read_text() for name in names] == ["precious"] * 5
    assert {path.name for path in scripts.output.iterdir()} == {*names, "result.csv", "job.json", "_SUCCESS"}


def test_rejected_csv_beside_a_result_without_rejects_belongs_to_the_user(scripts: Scripts) -> None:
    source = written(scripts)
    scripts.all(source)
    mine = scripts.output / "rejected.csv"
    mine.write_text("precious")

    for run in (scripts.split(source), scripts.collect()):
        assert run.line.startswith(f"output {scripts.output} already contains a rejected.csv of something else")
    assert mine.read_text() == "precious"


# -- all files of the result count -------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["emptied", "gone", "a byte", "a directory", "a pipe", "a link"])
@pytest.mark.parametrize("name", ["rejected.csv", "result.csv"])
def test_result_with_a_damaged_file_is_invalid(scripts: Scripts, name: str, damage: str) -> None:
    source = written(scripts, BAD)
    arguments = ("--processor", "transform", "--on-error", "quarantine", "--chunks", "2")
    expected = scripts.all(source, *arguments)
    path = scripts.output / name
    whole = path.read_bytes()
    path.unlink()
    if damage == "emptied":
        path.write_bytes(b"")
    elif damage == "a byte":
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    elif damage == "a directory":
        path.mkdir()
    elif damage == "a pipe":
        os.mkfifo(path)
    elif damage == "a link":
        elsewhere = scripts.directory / "elsewhere"
        elsewhere.write_bytes(whole)
        path.symlink_to(elsewhere)

    assert scripts.collect().line.startswith("job job is done: its result is in ")

    if damage == "a directory":
        path.rmdir()
    assert scripts.all(source, *arguments) == expected


def test_marker_and_report_list_every_result_file(scripts: Scripts) -> None:
    scripts.all(written(scripts, BAD), "--processor", "transform", "--on-error", "quarantine")

    marker = json.loads((scripts.output / "_SUCCESS").read_text())
    report = json.loads((scripts.output / "job.json").read_text())
    assert [file["name"] for file in marker["files"]] == ["result.csv", "rejected.csv", "job.json"]
    assert [report["result"], report["rejected_file"]] == marker["files"][:2]
    for file in marker["files"]:
        assert (scripts.output / file["name"]).stat().st_size == file["bytes"]
