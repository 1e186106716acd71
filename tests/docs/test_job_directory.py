"""docs/job-directory.md documents every written field and every remaining file."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from csvswarm.partials.merged_file import MergedPart, MergedTotal

from tests.support.jobs import ROOT, run_in_process

TEXT = (ROOT / "docs/job-directory.md").read_text()
CODE = """
def process(block, context):
    return block
"""


def fields(name: str) -> list[str]:
    """The fields that a table documents, in any order."""
    found = re.search(rf"^<!-- fields: {name} -->\n\|.*\n\|[ |-]*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert found, name
    first_cells = [row.split("|")[1] for row in found[1].splitlines()]
    return sorted(field for cell in first_cells for field in re.findall("`(.*?)`", cell))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a finished job in job-2-64: its schema was widened, and a record was rejected."""
    directory = tmp_path_factory.mktemp("done")
    (directory / "mine.py").write_text(CODE)
    source = directory / "data.csv"
    source.write_text("a,b\n" + "1,x\n" * 20 + "2\n" + "1,x\n" * 20)
    run_in_process(
        directory,
        source,
        chunks=2,
        block_bytes=64,
        processor=str(directory / "mine.py"),
        on_error="quarantine",
        mode="files",
    )
    return directory


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_merged_log_fields_are_documented() -> None:
    assert sorted(field.name for field in dataclasses.fields(MergedPart)) == fields("part")
    assert sorted(field.name for field in dataclasses.fields(MergedTotal)) == fields("whole")


def test_manifest_fields_are_documented(done: Path) -> None:
    manifest = load(done / "job-2-64/manifest.json")

    assert sorted(manifest) == fields("manifest")
    assert sorted(manifest["chunks"][0]) == fields("chunk")
    for name in ("input", "request", "processor", "dialect"):
        cell, *_ = re.findall(rf"^\| `{name}` \| (.*) \|$", TEXT, re.MULTILINE)
        assert sorted(re.findall("`(.*?)`", cell)) == sorted(manifest[name])


def test_schema_fields_are_documented(done: Path) -> None:
    assert sorted(load(done / "job-2-64/schema-0001.json")) == fields("schema")


def test_receipt_fields_are_documented(done: Path) -> None:
    assert sorted(load(done / "job-2-64/receipts/000001-0001.json")) == fields("receipt")


def test_report_fields_are_documented(done: Path) -> None:
    report = load(done / "job-2-64-out/job.json")

    assert sorted(report) == fields("report")
    assert sorted(report["attempts"][0]) == fields("attempt")
    assert sorted(report["columns"][0]) == fields("column")


def test_remaining_files_are_documented(done: Path) -> None:
    job, output = done / "job-2-64", done / "job-2-64-out"
    remaining = {re.sub("-[0-9a-f]{12}", "-<attempt>", str(p.relative_to(job))) for p in job.rglob("*") if p.is_file()}

    assert remaining == {
        "csvswarm.lock",
        "done.json",
        "manifest.json",
        "processor.py",
        "schema-0001.json",
        "attempts/000001-<attempt>.1.json",
        "attempts/000002-<attempt>.1.json",
        "receipts/000001-0001.json",
        "receipts/000002-0001.json",
    }
    assert {path.name for path in output.iterdir()} == {"result.csv", "rejected.csv", "job.json", "_SUCCESS"}
    assert all(path.rpartition("/")[2].replace("000002", "000001") in TEXT for path in remaining)


def test_chunk_files_are_the_input(tmp_path: Path) -> None:
    from csvswarm.job.directory import JobDirectory
    from csvswarm.split.run import Request, split

    source = tmp_path / "data.csv"
    source.write_bytes(b"\xef\xbb\xbf\na,b\r\n" + b'1,"x\n"\n\n2,y\r' * 9 + b"3,z")
    job = JobDirectory(tmp_path / "job")

    split(job, Request(input=source, chunks=3, workers=1, mode="files"))

    names = [path.name for path in sorted(job.chunks_directory.iterdir())]
    assert names == ["000000-header.csv", "000001.csv", "000002.csv", "000003.csv"]
    assert b"".join((job.chunks_directory / name).read_bytes() for name in names) == source.read_bytes()
