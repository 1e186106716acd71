"""The commands on the page of a job."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from csvswarm.report.commands import commands

from tests.support.jobs import ROOT, SAMPLE, Scripts


def repeated(record: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of the command that repeats a job."""
    *words, variables = shlex.split(commands(record)["repeat"])
    assert words == ["ansible-playbook", "run_job.yml", "-e"]
    found: dict[str, Any] = json.loads(variables)
    return found


def record_of(scripts: Scripts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((scripts.output / "job.json").read_text())
    return found


def test_job_with_defaults_repeats_without_them(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    scripts.all(SAMPLE, "--chunks", "2")

    record = record_of(scripts)

    assert repeated(record) == {"input": str(SAMPLE), "options": {"window": 500, "ddof": 1}}
    assert commands(record)["resume"] == f"ansible-playbook run_job.yml -e job_id={record['job_id']}"


def test_an_incremental_job_is_repeated_as_a_job_of_its_own(tmp_path: Path) -> None:
    """One that no later run continues: without a job_id, incremental would be refused."""
    source = tmp_path / "files/1.csv"
    source.parent.mkdir()
    source.write_text("a\n1\n")
    scripts = Scripts(tmp_path)
    scripts.all(source.parent, "--incremental", "--processor", "convert")

    assert repeated(record_of(scripts)) == {"input": [str(source)], "processor": "convert"}


def test_every_option_of_a_job_is_repeated(tmp_path: Path) -> None:
    """The processor is the user's, in a folder that has the name of the built-in processors' folder."""
    mine, lookup = tmp_path / "processors/mine.py", tmp_path / "lookup.txt"
    mine.parent.mkdir()
    mine.write_text("def process(block, context):\n    return block\n")
    lookup.write_text("x")
    inputs = [tmp_path / "it's.csv", tmp_path / "b.csv"]
    for path in inputs:
        path.write_text("a;b\n1;2\n")
    scripts = Scripts(tmp_path)
    given = [
        "--processor",
        str(mine),
        "--file",
        str(lookup),
        "--delimiter",
        ";",
        "--limit",
        "1",
        "--source-file",
    ]
    more = ["--on-error", "quarantine", "--max-rejected", "3", "--output-format", "jsonl", "--input", str(inputs[1])]
    for run in (scripts.split(inputs[0], *given, *more), scripts.process(), scripts.collect()):
        assert run.code == 0, run.error

    assert repeated(record_of(scripts)) == {
        "input": [str(path) for path in sorted(inputs)],
        "processor": str(mine),
        "output_format": "jsonl",
        "on_error": "quarantine",
        "max_rejected": "3",
        "limit": 1,
        "source_file": True,
        "delimiter": ";",
        "files": [str(lookup)],
    }


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (ROOT / "files/processors/sort.py", "sort"),
        ("/usr/lib/python3/csvswarm/built_in_processors/sort.py", "sort"),
        ("/home/me/processors/sort.py", "/home/me/processors/sort.py"),
    ],
)
def test_processor_of_the_user_is_named_by_its_path(tmp_path: Path, source: str | Path, shown: str) -> None:
    scripts = Scripts(tmp_path)
    scripts.all(SAMPLE, "--chunks", "1")
    record = record_of(scripts) | {"processor": {"name": "sort", "source": str(source), "sha256": ""}}

    assert repeated(record)["processor"] == shown
