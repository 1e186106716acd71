"""The outcome of a job on boards, and the time that the user waited."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.processing_job.plugin_loader import summary

STATUS = {"stages": {"split": 1.0, "process": 5.0, "collect": 0.5}}


def test_the_summary_names_boards_and_files(tmp_path: Path) -> None:
    attempts = [
        {"board": board, "counts": counts} for board, counts in (("b", True), ("a", True), ("b", True), ("c", False))
    ]
    report = {"attempts": attempts, "chunks": 3, "rows_in": 9, "rows_out": 4, "rejected": 2}
    report["result"] = {"name": "result.parquet"}
    (tmp_path / "job.json").write_text(json.dumps(report))

    found = summary.processing_job_summary(str(tmp_path), STATUS)

    assert found["process"] == {"workers": 2, "chunks_per_worker": [1, 2], "boards": ["a", "b"], "seconds": 5.0}
    assert found["collect"]["result"] == f"{tmp_path}/result.parquet"
    assert found["collect"]["rejected_file"] == f"{tmp_path}/rejected.csv"
    assert (found["split"]["chunks"], found["collect"]["rows_out"]) == (3, 4)


def test_stage_times_add_up_to_the_total() -> None:
    times = {"prepared": 2.0, "sent": 3.5, "began": 6.0, "ended": 14.0}

    stages = summary.processing_job_stage_times(times, STATUS, 16.0)

    assert [*stages] == ["prepare", "send", "image", "wait for boards", "split", "process", "collect", "fetch"]
    assert stages["wait for boards"] == pytest.approx(1.5)
    assert sum(stages.values()) == pytest.approx(16.0)


def test_local_stage_times_add_up_to_the_total() -> None:
    scripts = {"split": {"seconds": 1}, "process": {"seconds": 2.5}, "collect": {"seconds": 0.5}}

    stages = summary.processing_job_local_stage_times(scripts, 6.0)

    assert stages == {"prepare": 2.0, "split": 1.0, "process": 2.5, "collect": 0.5}


def test_watching_a_running_job_reports_no_negative_time() -> None:
    times = {"prepared": 2.0, "sent": 0, "began": 3.0, "ended": 3.5}

    assert min(summary.processing_job_stage_times(times, STATUS, 4.0).values()) >= 0


def test_stages_of_this_machine_are_by_the_clock_of_the_driver() -> None:
    """Whose clock is 100 s ahead of this machine's."""
    times = {"prepared": 2.0, "sent": 3.5, "began": 6.0, "ended": 14.0}
    status = STATUS | {"updated": 1000 + 100 + 14.0}

    stages = summary.processing_job_stages(times, status, 16.0)

    assert stages == [
        ("prepare", 1100, 1102), ("send", 1102, 1103.5), ("image", 1103.5, 1106), ("fetch", 1114, 1116)
    ]  # fmt: skip
    nothing_sent = summary.processing_job_stages(times | {"sent": 0}, status, 16.0)
    assert nothing_sent == [("prepare", 1100, 1102), ("image", 1102, 1106), ("fetch", 1114, 1116)]


def test_stage_times_before_the_job_ended() -> None:
    before = time.monotonic()

    now, then = summary.processing_job_waited(), summary.processing_job_waited(before - 100)

    assert now > 0
    assert 100 <= now - then + (time.monotonic() - before) < 110
