"""Ctrl-C ends a job with one line: what is done, how to resume, and how to remove the job."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ansible.conftest import ANSIBLE_PLAYBOOK
from tests.processing_job.plugin_loader import load
from tests.support.jobs import ROOT

if TYPE_CHECKING:
    from tests.ansible.conftest import Clone

SAMPLE = ROOT / "files/samples/flights.csv"
# The first chunk ends; the second waits until the test has seen that.
WAITING = """
import pathlib, time

def process(block, context):
    if context.chunk == 2:
        pathlib.Path({begun!r}).touch()
        time.sleep(600)
    return block.head(1)
"""


def test_interrupt_prints_one_line(clone: Clone, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    (tmp_path / "mine.py").write_text(WAITING.format(begun=str(begun)))
    printed = ["-e", f"input={SAMPLE}", "-e", f"processor={tmp_path}/mine.py", "-e", "job_id=stopped", "-e", "chunks=2"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    with subprocess.Popen(
        [ANSIBLE_PLAYBOOK, "run_job.yml", *printed, "-e", "workers=1"],
        cwd=clone.root,
        env=env | {"ANSIBLE_NOCOLOR": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as run:
        limit = time.monotonic() + 120
        while not begun.exists() and run.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=120)

    assert run.returncode == 99, output  # Ansible's exit code for it
    assert "Traceback" not in output
    assert output.splitlines()[-1] == (
        "Stopped. 1 of 2 chunks of job stopped are done and kept. "
        "Resume: ansible-playbook run_job.yml -e job_id=stopped   "
        "Remove: ansible-playbook playbooks/jobs.yml -e action=remove -e job_id=stopped"
    )
    assert "TASK [processing_job : Process the chunks]" in output  # printed while it runs
    # Nothing continues in the background: the output, which it would keep open, has ended.


def test_interrupt_line_before_the_split_and_on_boards(tmp_path: Path) -> None:
    last_line = load(ROOT / "playbooks/callback_plugins/interrupted.py").last_line

    # The first job creates the directory of all jobs.
    assert last_line("j", tmp_path / "jobs/j").startswith(
        "Stopped before the input of job j was split: nothing is done."
    )
    assert last_line("j", None) == (
        "Stopped before job j was deployed: nothing runs on the boards. Rerun the same command."
    )
    deployed = last_line("j", None, deployed=True)
    assert deployed.startswith("No longer watching: job j continues on the boards. Watch: ansible-playbook ")
    for action in ("watch", "fetch", "stop"):
        assert f"playbooks/jobs.yml -e action={action} -e job_id=j" in deployed
