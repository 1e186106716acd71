"""Progress while formats are converted: every pass over the data counts, so that no long part is silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from csvswarm.collect import format_writers
from csvswarm.runtime import progress

from tests.support.jobs import run_in_process

ROWS = 3000


class Passes:
    """What was counted in each stage: (name, bytes expected, bytes counted)."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int, int]] = []

    def begin(self, stage: str, sizes: list[int], *_: object, **__: object) -> None:
        self.found.append((stage, sum(sizes), 0))

    def advance(self, _: int, size: int, *_rows: int) -> None:
        if self.found:
            stage, total, done = self.found[-1]
            self.found[-1] = stage, total, done + size


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    found = Passes()
    monkeypatch.setattr(progress, "begin", found.begin)
    monkeypatch.setattr(progress, "advance", found.advance)
    return found


@pytest.mark.parametrize(
    "request_",
    [
        *({"output_format": name} for name in ("csv.gz", "csv.zst", "parquet", "jsonl", "xlsx")),
        {"output_format": "parquet", "partition_by": ["key"]},
    ],
    ids=str,
)
def test_writing_and_reading_back_count(tmp_path: Path, passes: Passes, request_: dict[str, Any]) -> None:
    source = tmp_path / "data.csv"
    source.write_text("key,n\n" + "".join(f"{number % 3},{number}\n" for number in range(ROWS)))

    with mock.patch.object(format_writers, "REPORT_ROWS", 100):
        run_in_process(tmp_path, source, processor="convert", **request_)

    stage, total, done = passes.found[-1]
    assert stage == "collecting"
    # Headers do not count, nor does a column in the names of directories.
    assert 0.7 * total < done <= total


def test_the_first_pass_over_json_lines_counts(tmp_path: Path, passes: Passes) -> None:
    source = tmp_path / "data.jsonl"
    source.write_text("".join(json.dumps({"key": number, "text": "x" * 1000}) + "\n" for number in range(ROWS)))

    run_in_process(tmp_path, source, processor="convert")

    size = source.stat().st_size
    assert passes.found[0] == ("splitting", size, size)
