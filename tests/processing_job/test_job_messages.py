"""Messages about a job on boards: why it cannot run, how it runs, and how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.processing_job.plugin_loader import messages

JOBS = "ansible-playbook playbooks/jobs.yml"
DRIVER = {"state": "running", "board": "board1", "message": "", "since": "2026-01-31T10:15:00.123Z", "ended": False}
REQUEST = {"input": "/a.csv", "options": {"columns": ["a"]}, "null_values": None}
FAILURE = {"job": "demo", "command": "ansible-playbook run_job.yml -e job_id=demo", "jobs": JOBS}


def stack(request: dict[str, Any] | None = None, **driver: Any) -> dict[str, Any]:
    return {"request": {"asked": request or REQUEST}, "driver": DRIVER | driver}


def test_same_request_is_accepted() -> None:
    assert messages.processing_job_other_request(stack(), {**REQUEST}, "demo", JOBS) == []


@pytest.mark.parametrize(
    ("requested", "named"),
    [
        (REQUEST | {"input": "/b.csv"}, "input differ"),
        (REQUEST | {"options": {}, "null_values": ["-"]}, "null_values, options differ"),
        ({"input": "/a.csv"}, "options differ"),
    ],
)
def test_different_request_is_refused_with_its_differences(requested: dict[str, Any], named: str) -> None:
    (message,) = messages.processing_job_other_request(stack(), requested, "demo", JOBS)

    assert message == (
        f"job_id: job demo already runs on the boards (driver on board1 since 2026-01-31 10:15:00 UTC), with another "
        f"request: {named}. Nothing was changed. Watch it: {JOBS} -e action=watch -e job_id=demo   "
        f"Stop it: {JOBS} -e action=stop -e job_id=demo"
    )


def test_a_job_deployed_by_another_version_is_refused() -> None:
    """A request without the compared fields counts as another one."""
    found = {"request": {}, "driver": DRIVER | {"board": "", "since": ""}}

    (message,) = messages.processing_job_other_request(found, REQUEST, "demo", JOBS)

    assert "(driver not placed yet), with another request: input, options differ" in message


def board(name: str, why: str = "", *, manager: bool = False) -> dict[str, Any]:
    return {"name": name, "why": why, "takes": not why, "manager": manager}


@pytest.mark.parametrize(
    ("boards", "begin"),
    [
        ([board("one", manager=True), board("two", "is down")], None),
        ([board("one", "is down", manager=True), board("two", "is set to drain")],
         "No board can run chunks: one is down, two is set to drain. Check with"),
        ([board("one", "is set to drain", manager=True), board("two")],
         "No manager is active, and the driver of a job runs on one: one is set to drain. Run on a manager: docker"),
    ],
)  # fmt: skip
def test_boards_unable_to_run_a_job(boards: list[dict[str, Any]], begin: str | None) -> None:
    found = messages.processing_job_no_board(boards)

    assert found == [] if begin is None else found[0].startswith(begin)


def test_no_manager_answers() -> None:
    silent = [
        messages.processing_job_no_answer({"msg": "much\nCannot connect to the Docker daemon."}, "board1"),
        messages.processing_job_no_answer({"unreachable": True}, "board2"),
    ]

    (message,) = messages.processing_job_no_manager(silent)

    assert message.startswith(
        "board1: Cannot connect to the Docker daemon. board2: no answer. The boards do not form a cluster (yet), or no "
    )


def test_how_a_deployed_job_is_reached() -> None:
    lines = messages.processing_job_is_deployed("demo", [board("one"), board("two", "is down")], JOBS).splitlines()

    assert lines[0] == "two is down: the job runs on the others."
    for action in ("watch", "fetch", "stop"):
        assert f"{JOBS} -e action={action} -e job_id=demo" in lines[1]


@pytest.mark.parametrize(
    ("driver", "remark"),
    [
        ({"state": "pending", "board": "", "message": "no suitable node"},
         "driver pending on no board yet: no suitable node"),
        ({"state": "rejected", "message": "No such image: x"}, "driver rejected on board1: No such image: x"),
        ({"state": "failed", "message": "task: non-zero exit (137)"},
         "driver failed on board1: the driver was killed, most likely because it ran out of memory"),
        ({"state": "rejected", "message": 'invalid mount config for type "bind": bind source path does not exist: /a'},
         "driver rejected on board1: the share is not mounted"),
        ({}, "driver running on board1"),
    ],
)  # fmt: skip
def test_swarm_state_of_a_silent_driver(driver: dict[str, Any], remark: str) -> None:
    assert messages.processing_job_driver_remark(DRIVER | driver) == remark


RUNNING = {"stage": "processing", "chunks": {"done": 2, "total": 9}}
DONE, FAILED = {"stage": "done"}, {"stage": "failed"}


@pytest.mark.parametrize(
    ("found", "status", "action", "words"),
    [
        (stack(), RUNNING, "watch", ""),
        (stack(), {}, "watch", ""),
        (stack(), RUNNING, "fetch", "is still running: 2 of 9 chunks are done. Watch it"),
        (stack(ended=True), DONE, "fetch", ""),
        (None, DONE, "watch", ""),
        (None, FAILED, "watch", ""),
        (None, RUNNING, "watch", "does not run on the boards, and has no result. Resume it"),
        (None, {}, "fetch", "does not run on the boards, and has no result. Resume it"),
    ],
)
def test_unwatchable_jobs_are_refused(
    found: dict[str, Any] | None, status: dict[str, Any], action: str, words: str
) -> None:
    message = messages.processing_job_cannot_continue(found, status, action, FAILURE)

    assert words in message
    assert bool(words) == bool(message)


LOCAL = {"job": "demo", "shared": False, "output": "/out", "request": {}, "manifest": {"a": 1}, "damage": ""}
SHARED = {"job": "demo", "shared": True, "output": "/out", "request": {"input": "/a.csv"}, "manifest": {}, "damage": ""}


@pytest.mark.parametrize(
    ("jobs", "action", "words"),
    [
        ([], "show", "job demo does not exist"),
        ([LOCAL], "watch", "runs on this machine, not on boards"),
        ([LOCAL], "stop", "its result is in /out"),
        ([LOCAL], "resume", ""),
        ([SHARED], "stop", ""),
        ([SHARED], "watch", ""),
        ([SHARED | {"request": {}, "damage": "no JSON"}], "resume", "the request of job demo is unknown"),
        ([SHARED | {"request": {}}], "fetch", "the request of job demo is unknown"),
        ([SHARED | {"request": {}}], "stop", ""),
    ],
)
def test_jobs_yml_refusals(jobs: list[dict[str, Any]], action: str, words: str) -> None:
    message = messages.processing_job_jobs_refusal(jobs, action, "demo")

    assert words in message
    assert bool(words) == bool(message)


def test_summary_of_an_ended_job() -> None:
    failed = {"stage": "failed", "error": "chunk 2 failed"}
    assert messages.processing_job_status_failure(failed, FAILURE, "\nResume.") == "chunk 2 failed\nResume."
    stopped = messages.processing_job_status_failure({"stage": "stopped", "error": None}, FAILURE, "")
    assert stopped == f"job demo was stopped. Finished chunks are kept. Resume it: {FAILURE['command']}"


JOBS_REQUEST = {"action": "show", "job_id": "demo", "needs_id": True, "days": "7"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"job_id": "", "needs_id": False, "days": "0.5"}, ""),
        ({"action": "burn", "job_id": ""}, "action: burn is not one of show, stop."),
        (
            {"job_id": ""},
            (
                "job_id is missing: pass the name of the job, for example -e job_id=20260131-101500-3fa2b1. "
                "Without action all are listed."
            ),
        ),
        ({"days": "-1"}, "days: -1 is not a number of days."),
        ({"days": "1."}, "days: 1. is not a number of days."),
    ],
)
def test_problems_of_a_request_to_jobs_yml(change: dict[str, Any], problem: str) -> None:
    assert messages.processing_job_jobs_problem(JOBS_REQUEST | change, ["show", "stop"]) == problem


@pytest.mark.parametrize(
    ("result", "path"),
    [
        ({}, ""),
        ({"skipped": True}, ""),
        ({"rc": 0, "stdout": '{"report": "/out/report.html"}'}, "/out/report.html"),
        ({"rc": 0, "stdout": '{"report": null}'}, ""),
        ({"rc": 0, "stdout": ""}, ""),
        ({"rc": 1, "stderr": "Traceback\nno space left"}, "not written: no space left"),
        ({"rc": 1, "stdout": '{"report": "/out/report.html"}'}, "not written: "),
    ],
)
def test_path_of_the_report(result: dict[str, Any], path: str) -> None:
    assert messages.processing_job_page_path(result) == path
