"""Filters for text that users read: paths, sizes, and the remedy after a failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.processing_job.plugin_loader import ROLE, load

FILTERS = load(ROLE / "filter_plugins/job_request.py")
FAILURE: dict[str, Any] = {
    "job": "j",
    "directory": "/nowhere",
    "command": "ansible-playbook run_job.yml -e job_id=j",
    "retry": "ansible-playbook playbooks/jobs.yml -e action=retry -e job_id=j",
    "begun": True,
    "chunk": True,
    "on_error": "fail",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "c").symlink_to("a/b")
    (tmp_path / "a/b/up").symlink_to("../..")
    return tmp_path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=st.lists(st.sampled_from(["a", "b", "c", "up", "..", ".", ""]), max_size=8))
def test_normalized_path_is_the_same_directory(tree: Path, parts: list[str]) -> None:
    path = f"{tree}/{'/'.join(parts)}"

    plain = FILTERS.processing_job_path(path)

    assert not {"..", "."} & {*plain.split("/")}
    assert "//" not in plain
    assert os.path.realpath(plain) == os.path.realpath(path)


def test_normalized_path_keeps_symlinks(tree: Path) -> None:
    assert FILTERS.processing_job_path(f"{tree}/./c//x.csv") == f"{tree}/c/x.csv"


@pytest.mark.parametrize(
    ("path", "absolute"),
    [
        ("x.csv", "/here/x.csv"),
        ("./a//x.csv/", "/here/a/x.csv"),
        ("../x.csv", "/x.csv"),
        ("/there/./x.csv", "/there/x.csv"),
        ("", "/here"),
    ],
)
def test_relative_path_starts_in_the_given_directory(path: str, absolute: str) -> None:
    assert FILTERS.processing_job_absolute_path(path, "/here") == absolute


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], True),
        (["a", ""], True),
        (["a", 1], False),
        ([None], False),
        ("a", False),
        ({"a": "b"}, False),
        (None, False),
    ],
)
def test_lists_of_texts(value: object, expected: bool) -> None:
    assert FILTERS.processing_job_is_list_of_texts(value) is expected


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"jobs": []}, ""),
        ({"removed": ["one"], "msg": "x"}, ""),
        ({"msg": "Failed to connect.", "unreachable": True}, "nas did not answer: Failed to connect."),
        ({}, "nas did not answer: no message."),
    ],
)
def test_silent_server_of_the_share_is_named(result: dict[str, Any], message: str) -> None:
    assert FILTERS.processing_job_jobs_unanswered(result, "nas") == message


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1500, "1.5 KB"), (371_900_000, "372 MB"), (10**9, "1.0 GB"), (10**10, "10 GB")]
)
def test_size_is_formatted_with_two_or_three_digits(size: int, text: str) -> None:
    assert FILTERS.processing_job_size(size) == text


@pytest.mark.parametrize(
    "message",
    [
        "collect_results.py is working on job j on b1 (pid 7): wait until it ends, or end it; nothing was changed.",
        "no space left on the disk: free some and rerun with the same job_id; finished work is kept.",
    ],
)
def test_recoverable_collector_failures_are_resumed(message: str) -> None:
    assert "Fix the cause, then resume: " in FILTERS.processing_job_remedy(message, FAILURE)


@pytest.mark.parametrize(
    ("message", "change", "remedy"),
    [
        ("no column x", {}, "new job (without job_id).\nIf only some records are bad, quarantine them:"),
        (
            "no column x",
            {},
            "retry with its new code: ansible-playbook playbooks/jobs.yml -e action=retry -e job_id=j\n",
        ),
        ("9 of 9 records are rejected so far", {}, "run_job.yml -e job_id=j -e max_rejected=100%\nTo retry"),
        ("no column x", {"on_error": "quarantine"}, "run a new job (without job_id)."),
        ("was killed", {"chunk": False}, "Fix the cause, then resume: ansible-playbook run_job.yml -e job_id=j"),
        ("the input is empty", {"begun": False}, ""),
        ("no space left: rerun with the same job_id", {"begun": False}, "The job_id is j."),
        ("was made for another input: leave out job_id to start a new job.", {"chunk": False}, ""),
        ("is damaged. Remove the job, and run a new job.", {"chunk": False}, ""),
        ("manifest.json is damaged: remove the job's directory and restart the job.", {}, ""),
    ],
)
def test_failure_advice_matches_the_failure(message: str, change: dict[str, Any], remedy: str) -> None:
    found = FILTERS.processing_job_remedy(message, FAILURE | change)

    assert remedy in found
    assert bool(found) == bool(remedy)
    assert ("then resume: " in found) == (change.get("chunk") is False and bool(remedy))
