"""The report of a job that failed on boards: the real tasks, with this machine as the server of the share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.conftest import ANSIBLE_PLAYBOOK, Clone
from tests.report.html_page import page
from tests.report.records import attempt, record

PLAYBOOK = """
- hosts: localhost:b1
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        __processing_job_id: one
        __processing_job_is_collected: false
        __processing_job_prepared_at: 0.5
        __processing_job_resumed: false
      when: inventory_hostname == 'localhost'
    - ansible.builtin.include_role:
        name: processing_job
        tasks_from: swarm/bring_result.yml
        rolespec_validate: false
"""


def failed(clone: Clone, tmp_path: Path, stage: str, notify: str = "") -> str:
    """Run the tasks after the watch of a failed job. Return the message of the run."""
    share = tmp_path / "share"
    inventory: dict[str, Any] = {
        "ansible_connection": "local", "ansible_become": False, "csvswarm_share": str(share),
        "csvswarm_owner_id": os.getuid(), "ansible_python_interpreter": sys.executable,
    }  # fmt: skip
    (tmp_path / "hosts.yml").write_text(json.dumps({
        "all": {"children": {group: {"hosts": {"b1": inventory}} for group in ("swarm_manager", "nfs_server")}}
    }))  # fmt: skip
    status = {
        "stage": stage, "error": "chunk 2 failed 3 times: no space" if stage == "failed" else None, "hint": "resume",
        "started": time.time() - 9, "updated": time.time(), "stages": {"split": 1.0, "process": 2.0, "collect": 0.0},
    }  # fmt: skip
    now = time.monotonic()
    given = {
        "processing_job_engine": "swarm", "processing_job_input": "/data/input.csv", "processing_job_notify": notify,
        "__processing_job_watched": {"status": status, "began": now - 9, "ended_at": now},
        "__processing_job_status": status, "__processing_job_queried_manager": "b1",
    }  # fmt: skip
    (tmp_path / "given.json").write_text(json.dumps(given))
    play = clone.root / "playbooks/after.yml"
    play.write_text(PLAYBOOK)
    (clone.root / ".cache/results/one").mkdir(parents=True)
    done = subprocess.run(
        [ANSIBLE_PLAYBOOK, play, "-i", tmp_path / "hosts.yml", "-e", f"@{tmp_path / 'given.json'}"],
        cwd=clone.root,
        env=os.environ | {"ANSIBLE_CONFIG": str(clone.root / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        check=False,
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    return (done.stdout + done.stderr).rpartition("ERROR")[2]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The directory of the job's result on the share."""
    path = tmp_path / "share/results/one"
    path.mkdir(parents=True)
    return path


@pytest.mark.skipif(shutil.which("rsync") is None, reason="needs the package rsync")
def test_record_of_the_driver_becomes_a_report(clone: Clone, tmp_path: Path, results: Path) -> None:
    written = record(
        [attempt(1)], job_id="one", status="failed", error="no space", result=None, rows_out=None, chunks=2
    )
    (results / ".failed.json").write_text(json.dumps({"record": written, "logs": [["a.log", "OSError: no space"]]}))

    message = failed(clone, tmp_path, "failed", notify=f"sh -c 'cat >{tmp_path}/body.json'")

    output = clone.root / "results/one"
    assert "chunk 2 failed 3 times: no space" in message
    assert f"Report: {output / 'report.html'}" in message
    assert "Fix the cause, then resume: ansible-playbook run_job.yml -e job_id=one" in message
    words = page(output).words
    assert "Failed: 1 of 2 chunks are done and kept." in words
    assert "How to continue: Finished chunks are kept. Fix the cause, then resume:" in words
    assert "a.log ends with: OSError: no space" in words
    assert "prepare · " in words
    assert json.loads((output / "job.json").read_text())["status"] == "failed"
    body = json.loads((tmp_path / "body.json").read_text())
    assert (body["status"], body["report"]) == ("failed", str(output / "report.html"))
    assert body["text"] == "Job one failed: chunk 2 failed 3 times: no space"


@pytest.mark.parametrize("stage", ["failed", "stopped"])
def test_without_a_record_the_error_is_reported(clone: Clone, tmp_path: Path, results: Path, stage: str) -> None:
    message = failed(clone, tmp_path, stage)

    assert ("no space" if stage == "failed" else "job one was stopped. Finished chunks are kept.") in message
    assert "Report:" not in message
    assert not (clone.root / "results/one").exists()
    assert not [*results.iterdir()]
