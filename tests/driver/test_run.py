"""How a job ends when the swarm does something unexpected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from csvswarm.driver import run as run_module
from csvswarm.driver.engine import Engine
from csvswarm.driver.run import JobDriver
from csvswarm.driver.services import JOB_LABEL, Round
from csvswarm.driver.status import NAME, Status
from csvswarm.job.output_directory import FAILURE

from tests.driver.conftest import RecordedEngine
from tests.driver.job_requests import request_of
from tests.support.jobs import Scripts, record_validator


@pytest.fixture
def driver(recorded_engine: RecordedEngine, tmp_path: Path) -> Iterator[JobDriver]:
    """The driver of a job with a custom processor, whose split is a service."""
    recorded_engine.answers = {"services": [], "info": {"Swarm": {"NodeID": "n1"}}, "create": {"ID": "s2"}}
    for directory in ("job", "out"):
        (tmp_path / directory).mkdir()
    request = request_of(
        job_directory=str(tmp_path / "job"),
        output=str(tmp_path / "out"),
        processor="/home/me/mine.py",
        processor_source="/srv/processors/1.py",
    )
    with closing(Engine(recorded_engine.path)) as engine:
        yield JobDriver(request, engine, Status(tmp_path / "out", "demo.1", "s1", "board1"))


def ended(tmp_path: Path) -> tuple[str, str, str]:
    status = json.loads((tmp_path / "out" / NAME).read_text())
    return status["stage"], status["error"], status["hint"]


def test_removed_service_fails_the_job(
    driver: JobDriver, recorded_engine: RecordedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_REMOVAL_TIMEOUT", 0)
    recorded_engine.answers["answer"] = {"message": "service csvswarm-demo_split not found"}

    driver.run()

    message = (
        "a service of the job was removed while it ran (service csvswarm-demo_split not found). "
        "Chunks with a receipt are kept."
    )
    assert ended(tmp_path) == ("failed", message, "resume")


def test_refusal_of_the_engine_fails_the_job(
    driver: JobDriver, recorded_engine: RecordedEngine, tmp_path: Path
) -> None:
    recorded_engine.refusals = [(400, "invalid label")]

    driver.run()

    message = "Docker refuses to run the job: invalid label"
    assert ended(tmp_path) == ("failed", message, "resume")
    written = json.loads((tmp_path / "out" / FAILURE).read_text())
    record_validator().validate(written["record"])
    assert (written["record"]["error"], written["logs"]) == (message, [])


def test_services_of_another_driver_are_removed_or_adopted(
    driver: JobDriver, recorded_engine: RecordedEngine, tmp_path: Path
) -> None:
    """Of two rounds, the newer one continues, with its retry round; an earlier driver's split service is removed."""
    rounds = Round(1, 1, (1, 2)), Round(2, 2, (1,)), Round(3, 2, (1,), retries=2), Round(4, 1, (2,), retries=1)
    specs = [{"Name": f"chunks-{one.number}", "Labels": one.labels() | {JOB_LABEL: "demo.1"}} for one in rounds]
    specs += [{"Name": name, "Labels": {}} for name in ("split", "csvswarm-demo-1_0123abcd_driver")]
    recorded_engine.answers["services"] = [{"ID": spec["Name"], "Spec": spec} for spec in specs]
    (tmp_path / "job/manifest.json").write_text("damaged")  # ends the job before anything else

    driver.run()

    removed = [name for method, name, _ in recorded_engine.requests if method == "DELETE"]
    assert removed[:3] == ["chunks-1", "chunks-4", "split"]
    assert ended(tmp_path)[0] == "failed"
    # Afterwards, all are removed except the driver.
    assert sorted(removed[3:]) == ["chunks-1", "chunks-2", "chunks-3", "chunks-4", "split"]


def test_stop_is_a_move_while_the_drivers_service_exists(
    driver: JobDriver, recorded_engine: RecordedEngine, tmp_path: Path
) -> None:
    own = {"ID": "s1", "Spec": {"Name": "csvswarm-demo-1_0123abcd_driver", "Labels": {}}}
    recorded_engine.answers["services"] = [own]

    assert driver.stop() is False
    assert not (tmp_path / "out" / NAME).exists()

    recorded_engine.answers["services"] = []
    assert driver.stop() is True
    assert json.loads((tmp_path / "out" / NAME).read_text())["stage"] == "stopped"


def test_finished_job_has_no_seconds_of_processing(recorded_engine: RecordedEngine, tmp_path: Path) -> None:
    """Nothing runs for it, so the driver needs no other service."""
    source = tmp_path / "data.csv"
    source.write_text("a\n1\n2\n")
    scripts = Scripts(tmp_path)
    scripts.all(source, "--durable", "--chunks", "1")
    job, output = f"--job={scripts.job}", f"--output={scripts.output}"
    for name in FAILURE, f".{FAILURE}.0123456789ab":
        (scripts.output / name).touch()
    request = request_of(
        job_directory=str(scripts.job),
        output=str(scripts.output),
        split_arguments=[job, output, f"--input={source}", "--processor=statistics", "--chunks=1"],
        collect_arguments=[job, output],
    )
    status = Status(scripts.output, "demo.1", "s1", "board1")

    with closing(Engine(recorded_engine.path)) as engine:
        JobDriver(request, engine, status).run()

    assert (status.values["stage"], status.values["error"]) == ("done", None)
    assert not [*scripts.output.glob("*failed*")]  # an earlier failure is outdated
    assert status.values["stages"]["process"] == 0
    assert status.values["stages"]["split"] > 0
