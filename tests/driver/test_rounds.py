"""A round of chunks: what the driver reads of them, and when."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from csvswarm.driver.engine import Engine
from csvswarm.driver.job_files import JobFiles
from csvswarm.driver.rounds import RoundRunner
from csvswarm.driver.services import Round
from csvswarm.driver.status import Status

from tests.driver.conftest import RecordedEngine
from tests.driver.job_requests import request_of


def test_logs_of_finished_chunks_are_not_read(recorded_engine: RecordedEngine, tmp_path: Path) -> None:
    """The processor may have left anything there. A slot stops before its receipt is read."""
    recorded_engine.show("done")
    chunks = tuple(sorted({task["Slot"] for task in recorded_engine.answers["tasks"]}))
    job, out = tmp_path / "job", tmp_path / "out"
    for directory in (job / "receipts", out):
        directory.mkdir(parents=True)
    (job / "logs").symlink_to("/etc")
    for chunk in chunks:
        receipt = {"chunk": chunk, "status": "done", "rows_in": 1, "rejected": 0}
        (job / f"receipts/{chunk:06d}-0001.json").write_text(json.dumps(receipt))
    request = request_of(job_directory=str(job), output=str(out))
    status, round_ = Status(out, "demo.1", "s1", "board1"), Round(1, 1, chunks)
    sizes = [(1, 1)] * len(chunks)

    with closing(Engine(recorded_engine.path)) as engine:
        RoundRunner(request, engine, JobFiles(job), status, round_, [], sizes=sizes, done=[]).run()

    assert json.loads((out / ".status.json").read_text())["chunks"]["done"] == len(chunks)
