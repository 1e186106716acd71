"""Whole jobs through their driver on a swarm of one node: this machine's own engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.driver.job_image import NoEngine
from tests.driver.one_node_swarm import Cluster, DriverJob, one_node_swarm, wait_for
from tests.support.jobs import SAMPLE, run_in_process

#: Chunk 2 is killed at its first attempt. Chunk 3 waits in `process`, and the collection in `combine`, for a file.
HINDERED = """
import os, pathlib, signal, time
import pandas as pd

JOB = pathlib.Path({job!r})

def wait(name):
    (JOB / ("at-" + name)).touch()
    while JOB.exists() and not (JOB / ("go-" + name)).exists():
        time.sleep(0.05)

def process(block, context):
    slot = os.environ.get("CSVSWARM_SLOT")
    if slot == "2" and not (JOB / "killed").exists():
        (JOB / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if slot == "3":
        wait("process")
    return pd.DataFrame({{"rows": [len(block)]}})

def combine(partials, context):
    if "CSVSWARM_SLOT" not in os.environ:
        wait("collect")
    return pd.DataFrame({{"rows": [sum(partial["rows"].sum() for partial in partials)]}})
"""
#: Chunk 1 falsifies what the driver may read before chunk 2 commits, and tries to reach the engine.
HOSTILE = """
import json, os, pathlib, time
import pandas as pd

JOB = pathlib.Path({job!r})

def process(block, context):
    while os.environ.get("CSVSWARM_SLOT") == "2" and not (JOB / "forged").exists():
        time.sleep(0.05)
    if os.environ.get("CSVSWARM_SLOT") == "1":
        found = [str(path) for path in map(pathlib.Path, {paths!r}) if path.exists()]
        (JOB / "found.json").write_text(json.dumps(found))
        (JOB / "round-0001.json").unlink()
        (JOB / "round-0001.json").write_text(json.dumps({{"number": 1, "generation": 7, "chunks": [10 ** 9] * 50000}}))
        (JOB / "round-99999999.json").symlink_to("/run/csvswarm/request.json")
        (JOB / ".status.json").write_text('{{"stage": "done", "exit": 0}}')
        os.mkfifo(JOB / "receipts/000002-0001.json")
        (JOB / "forged").touch()
    return block
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    try:
        with one_node_swarm() as cluster:
            yield cluster
    except NoEngine as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@contextmanager
def deployed(cluster: Cluster, name: str, processor: str | Path = "statistics") -> Iterator[DriverJob]:
    job = DriverJob(cluster, f"test-{name}-{os.getpid()}", SAMPLE, processor)
    try:
        job.deploy()
        yield job
    finally:
        job.remove()


def custom(cluster: Cluster, tmp_path: Path, name: str, source: str) -> Path:
    """Return the file of a processor that knows where the job of that name is on the share."""
    path = tmp_path / "mine.py"
    job = str(cluster.share / "jobs" / f"test-{name}-{os.getpid()}")
    path.write_text(source.format(job=job, paths=["/var/run/docker.sock", "/run/csvswarm", "/home/me/results"]))
    return path


def test_job_result_equals_a_single_machine_run(cluster: Cluster, tmp_path: Path) -> None:
    with deployed(cluster, "plain") as job:
        status = job.end()

        assert (status["stage"], status["error"]) == ("done", None)
        assert (job.results / "result.csv").read_bytes() == run_in_process(
            tmp_path, SAMPLE, processor="statistics"
        ).data
        assert (job.results / "_SUCCESS").is_file()
        assert status["chunks"] == {"total": 3, "done": 3, "running": 0, "waiting": 0, "failed_attempts": 0}
        assert status["bytes"]["done"] == status["bytes"]["total"]
        assert status["rows_done"] == len(SAMPLE.read_bytes().splitlines()) - 1
        # Only the driver's own service is left, and it is not restarted.
        assert job.services() == ["driver"]
        wait_for(lambda: job.tasks("driver")[-1]["Status"]["State"] == "complete", "the driver's end")
        assert len(job.tasks("driver")) == 1


def test_killed_driver_is_continued_and_failed_chunk_retried(cluster: Cluster, tmp_path: Path) -> None:
    with deployed(cluster, "kill", custom(cluster, tmp_path, "kill", HINDERED)) as job:
        wait_for((job.directory / "at-process").exists, "chunk 3")
        wait_for(lambda: len(list((job.directory / "receipts").glob("*.json"))) == 2, "two receipts")
        wait_for(lambda: len(job.containers("chunks-1")) == 1, "the end of the other attempts")
        before = [task["ID"] for task in job.tasks("chunks-1")]
        attempts = job.containers("chunks-1")

        job.kill_driver()
        wait_for(lambda: "taken over round 1" in str(job.status().get("notes")), "the next driver")
        # It watches the service of its predecessor: no attempt was disturbed.
        assert [task["ID"] for task in job.tasks("chunks-1")] == before
        assert job.containers("chunks-1") == attempts

        (job.directory / "go-process").touch()
        wait_for((job.directory / "at-collect").exists, "the collection")
        job.kill_driver()
        (job.directory / "go-collect").touch()
        status = job.end()

        assert (status["stage"], status["error"]) == ("done", None)
        rows = len(SAMPLE.read_bytes().splitlines()) - 1
        assert (job.results / "result.csv").read_text() == f"rows\n{rows}\n"
        assert job.services() == ["driver"]
        # The record of the killed attempt survives the change of drivers.
        report = json.loads((job.results / "job.json").read_text())
        history = [(attempt["chunk"], attempt["exit"], attempt["counts"]) for attempt in report["attempts"]]
        assert history == [(1, 0, True), (2, 137, False), (2, 0, True), (3, 0, True)]


def test_forged_files_end_the_job_without_effect(cluster: Cluster, tmp_path: Path) -> None:
    with deployed(cluster, "forge", custom(cluster, tmp_path, "forge", HOSTILE)) as job:
        status = job.end()

        assert (status["stage"], status["hint"], status["exit"]) == ("failed", None, 1)
        assert "000002-0001.json is not a regular file" in status["error"]
        assert (job.directory / "found.json").read_text() == "[]"
        assert not (job.results / "result.csv").exists()
        assert job.services() == ["driver"]


def test_second_driver_waits_and_removed_stack_stops_the_job(cluster: Cluster, tmp_path: Path) -> None:
    with deployed(cluster, "stop", custom(cluster, tmp_path, "stop", HINDERED)) as job:
        wait_for((job.directory / "at-process").exists, "chunk 3")
        wait_for(lambda: job.status()["stage"] == "processing", "the driver")
        second = job.start_second_driver()
        try:
            wait_for(lambda: "another driver of this job works" in job.log_of(second), "the second driver")
            assert job.containers("chunks-1")
            assert job.status()["stage"] == "processing"
        finally:
            job.remove_container(second)

        job.remove()

        assert job.status()["stage"] == "stopped"
        assert job.status()["hint"] == "resume"
