"""Every path of aggregate gives the same bytes: groups in arrays of the kernel, in tables, and moved to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from csvswarm.native.library import kernel

from tests.processors.aggregate_metrics import FOR_NUMBERS
from tests.support.jobs import SAMPLE, run_in_process, write_csv

pytestmark = pytest.mark.skipif(kernel() is None, reason="there is no kernel, so there is one path")


def take(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make aggregate take another path than usual."""
    if path == "tables":
        monkeypatch.setattr("csvswarm.groupby.accumulator.grouped_block", lambda *_: None)
        return
    monkeypatch.setattr("csvswarm.groupby.accumulator.MAX_ENTRIES", 0)
    monkeypatch.setattr("csvswarm.groupby.accumulator.PART_GROUPS", 7)
    if path == "one table":
        return
    monkeypatch.setattr("csvswarm.groupby.accumulator.MAX_BYTES", 1 << 18 if path == "files" else 0)
    monkeypatch.setattr("csvswarm.partials.sorted_runs.BATCH_ROWS", 50)


QUESTIONS: list[tuple[list[str], dict[str, Any]]] = [
    (["carrier", "origin"], {"arr_delay": FOR_NUMBERS, "tailnum": ["count", "nunique"]}),
    (["tailnum", "month", "day"], {"arr_delay": ["mean", "std", "first"], "dep_delay": ["last", "median"]}),
    (["time_hour"], {"air_time": ["min", "nunique"], "time_hour": ["count"]}),
]


@pytest.mark.parametrize("path", ["tables", "one table", "files", "files of one block"])
@pytest.mark.parametrize(("group_by", "metrics"), QUESTIONS, ids=",".join)
def test_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, group_by: list[str], metrics: dict[str, Any]
) -> None:
    options = {"group_by": group_by, "metrics": metrics}
    job: dict[str, Any] = {"processor": "aggregate", "options": options, "chunks": 3, "block_bytes": 1 << 18}
    expected = run_in_process(tmp_path / "1", SAMPLE, **job).data

    take(path, monkeypatch)

    assert run_in_process(tmp_path / "2", SAMPLE, **job).data == expected


def test_totals_of_many_chunks_become_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[f"group {row % 700}", row / 7, None if row % 5 else row] for row in range(2100)]
    source = write_csv(tmp_path / "data.csv", ["g", "x", "i"], rows)
    options = {"group_by": ["g"], "metrics": {"x": ["sum", "median"], "i": ["last", "min"]}}
    job: dict[str, Any] = {"processor": "aggregate", "options": options, "chunks": 3, "block_bytes": 1 << 13}
    expected = run_in_process(tmp_path / "1", source, **job).data

    monkeypatch.setattr("csvswarm.groupby.group_totals.MAX_ENTRIES", 10)

    assert run_in_process(tmp_path / "2", source, **job).data == expected


def test_doubled_quotes_in_groups(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text('g,x\n"a ""b""",1\nc,2\n"a ""b""",3\n"""",4\n')

    result = run_in_process(
        tmp_path, tmp_path / "data.csv", processor="aggregate", options={"group_by": ["g"], "metrics": {"x": "sum"}}
    )

    assert result.data == b'g,x_sum\n"""",4\n"a ""b""",4\nc,2\n'
