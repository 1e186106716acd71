"""Two jobs that send the same file to the share concurrently, with the options of rsync that the role passes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.jobs import ROOT
from tests.support.processes import wait_for

UPLOAD = ROOT / "roles/processing_job/tasks/swarm/upload.yml"
SLOW = "--bwlimit=2000"

pytestmark = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")


def sending(source: Path, folder: Path, job: str) -> subprocess.Popen[str]:
    """Start sending a file as the role does for a job."""
    tasks = yaml.safe_load(UPLOAD.read_text())
    (options,) = (task["ansible.posix.synchronize"]["rsync_opts"] for task in tasks if "Send" in task["name"])
    name = "{{ hostvars['localhost'].__processing_job_id }}"
    # The local copy goes through rsync's protocol as one over ssh does; whole files are not compared with partial ones.
    command = ["rsync", "--times", "--partial", "--no-whole-file", SLOW, *(one.replace(name, job) for one in options)]
    return subprocess.Popen(
        [*command, str(source), str(folder / "sent")], stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def test_two_jobs_send_the_same_file_concurrently(tmp_path: Path) -> None:
    source, folder = tmp_path / "source.csv", tmp_path / "exchange"
    source.write_bytes(b"a,b\n1,2\n" * 500_000)
    folder.mkdir()
    runs = [sending(source, folder, job) for job in ("one", "two")]
    # Both are interrupted, and continue.
    wait_for(lambda: sum(path.stat().st_size > 0 for path in folder.glob(".sent.*")) == 2)
    for run in runs:
        run.terminate()
        run.communicate()
    partial = sorted(path.name for path in folder.iterdir() if path.is_dir())
    runs = [sending(source, folder, job) for job in ("one", "two")]
    errors = [run.communicate(timeout=60)[1] for run in runs]

    assert (partial, errors) == ([".partial-one", ".partial-two"], ["", ""])
    assert (folder / "sent").read_bytes() == source.read_bytes()
    assert [path.name for path in folder.iterdir()] == ["sent"]
