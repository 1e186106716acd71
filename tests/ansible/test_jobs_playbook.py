"""playbooks/jobs.yml, for the jobs of this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ansible.conftest import ANSIBLE_PLAYBOOK, PlaybookResult

if TYPE_CHECKING:
    from tests.ansible.conftest import Clone

SAMPLE = Path(__file__).resolve().parents[2] / "files/samples/flights.csv"
#: Sets a terminal's title, returns to the start of the line, and reverses the rest of it.
FORGING = r"""
def process(block, context):
    print("\x1b[31m")
    raise ValueError("\x1b]0;owned\x07 \x9b31m \r[ok] \u202e")
"""

LOOKUP = """
import names

def process(block, context):
    table = context.file("names.csv").read_text().splitlines()
    block["name"] = block["carrier"].map(names.parse(table))
    return block[["carrier", "name"]]
"""


def jobs(clone: Clone, *arguments: str) -> PlaybookResult:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [ANSIBLE_PLAYBOOK, clone.root / "playbooks/jobs.yml", *arguments],
        cwd=clone.root,
        env=env | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(clone.root / "ansible.cfg")},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return PlaybookResult(done.returncode, done.stdout)


def printed_lines(run: PlaybookResult) -> str:
    assert run.code == 0, run.output
    return run.output.split("[processing_job : Report the jobs]")[1]


def test_jobs_are_listed_shown_stopped_and_removed(clone: Clone) -> None:
    assert "there are no jobs" in printed_lines(jobs(clone))

    assert clone.run_job("-e", f"input={SAMPLE}", "-e", "job_id=one", "-e", "chunks=2", "-e", "output=here").code == 0
    assert clone.run_job("-e", f"input={SAMPLE}", "-e", "job_id=two", "-e", "chunks=1").code == 0

    listed = printed_lines(jobs(clone))
    assert [name in listed for name in ("one", "two", "2 of 2", "1 of 1", "statistics")] == [True] * 5
    assert f"output     {clone.root}/here" in printed_lines(jobs(clone, "-e", "action=show", "-e", "job_id=one"))

    assert printed_lines(jobs(clone, "-e", "html=pages.html"))
    page = (clone.root / "pages.html").read_text()
    assert '<a href="here/report.html">one</a>' in page
    assert '<a href="results/two/report.html">two</a>' in page

    verified = printed_lines(jobs(clone, "-e", "action=verify", "-e", "job_id=one"))
    assert "verified   result.csv and job.json are as the job wrote them\n" in verified
    assert f"the input is the one that ran, {SAMPLE.stat().st_size:,} bytes" in verified

    # The result is gone: resuming recreates it, from the request that the job recorded.
    result = clone.root / "here/result.csv"
    first = result.read_bytes()
    result.unlink()
    gone = jobs(clone, "-e", "action=verify", "-e", "job_id=one").message
    assert gone == f"job one differs from its record:\n{result} is missing, or differs from what the job wrote."
    resumed = jobs(clone, "-e", "action=resume", "-e", "job_id=one")
    assert resumed.code == 0, resumed.output
    assert result.read_bytes() == first

    assert "(removed)" in printed_lines(jobs(clone, "-e", "action=remove", "-e", "job_id=one"))
    assert [path.name for path in (clone.root / "jobs").iterdir()] == ["two"]
    assert "nothing to remove" in printed_lines(jobs(clone, "-e", "action=prune"))
    assert "removed two" in printed_lines(jobs(clone, "-e", "action=prune", "-e", "days=0"))
    assert not list((clone.root / "jobs").iterdir())


def test_markup_in_a_job_is_text_on_the_page(clone: Clone) -> None:
    directory = clone.root / "jobs/evil"
    directory.mkdir(parents=True)
    manifest = {"chunks": [], "input": {"path": "<script>alert(1)</script>"}, "processor": {"name": "<i>"}}
    (directory / "manifest.json").write_text(json.dumps(manifest))

    assert jobs(clone, "-e", "html=pages.html").code == 0

    page = (clone.root / "pages.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;i&gt;" in page
    assert "<script" not in page


def test_impossible_actions_are_rejected_with_a_reason(clone: Clone) -> None:
    without_id = jobs(clone, "-e", "action=show")
    assert without_id.message.startswith("job_id is missing: pass the name of the job")
    assert "reserved name" not in without_id.output
    assert (
        jobs(clone, "-e", "action=burn").message
        == "action: burn is not one of list, show, verify, resume, retry, watch, fetch, stop, remove, prune."
    )
    assert jobs(clone, "-e", "action=prune", "-e", "days=x").message == "days: x is not a number of days."
    assert jobs(clone, "-e", "jobid=x").message == "jobid: unknown variable. Did you mean job_id?"
    clone.run_job("-e", f"input={SAMPLE}", "-e", "job_id=here", "-e", "chunks=1")
    for action in ("watch", "fetch", "stop"):
        refused = jobs(clone, "-e", f"action={action}", "-e", "job_id=here").message
        assert refused.startswith("job_id: job here runs on this machine, not on boards")
    unfit = jobs(clone, "-e", json.dumps({"action": "show", "job_id": "a\x1b[2J"})).message
    assert unfit == r"job_id: 'a\x1b[2J' has a line break or another control character in it. Leave it out."
    missing = jobs(clone, "-e", "action=resume", "-e", "job_id=nobody").message
    assert missing == "job_id: job nobody does not exist. List the jobs with ansible-playbook playbooks/jobs.yml"


@pytest.mark.timeout(120)
def test_damaged_jobs_are_listed_beside_the_others_with_controls_escaped(clone: Clone) -> None:
    for name in "damaged", "deep", "a\nb\x1b[2J", "fine":
        (clone.root / "jobs" / name).mkdir(parents=True)
    os.mkfifo(clone.root / "jobs/damaged/manifest.json")
    (clone.root / "jobs/deep/done.json").write_text("[" * 10_000 + "]" * 10_000)

    run = jobs(clone)

    listed = [line.split() for line in printed_lines(run).splitlines() if " of " in line]
    assert sorted(words[0] for words in listed) == [r"a\x0ab\x1b[2J", "damaged", "deep", "fine"]
    assert "manifest.json is not a regular file" in printed_lines(run)
    assert "\x1b" not in run.output
    assert "request of job damaged is unknown" in jobs(clone, "-e", "action=resume", "-e", "job_id=damaged").message

    removed = jobs(clone, "-e", json.dumps({"action": "remove", "job_id": r"a\x0ab\x1b[2J"}))
    assert r"a\x0ab\x1b[2J (removed)" in printed_lines(removed)
    assert sorted(path.name for path in (clone.root / "jobs").iterdir()) == ["damaged", "deep", "fine"]


def test_processor_error_is_printed_with_controls_escaped(clone: Clone) -> None:
    (clone.root / "mine.py").write_text(FORGING)

    run = clone.run_job("-e", f"input={SAMPLE}", "-e", "processor=./mine.py", "-e", "job_id=one")

    assert "owned" in run.message
    assert not set(run.output) & {"\x1b", "\x07", "\r", "\x9b", "\u202e"}, ascii(run.output)


def test_list_prints_why_a_job_failed(clone: Clone) -> None:
    (clone.root / "mine.py").write_text("def process(block, context):\n    return block['no_such']\n")
    options = ("-e", f"input={SAMPLE}", "-e", "processor=./mine.py", "-e", "job_id=one", "-e", "chunks=6")
    assert clone.run_job(*options).code
    reason = "processor mine failed: KeyError: 'no_such'"

    assert reason in printed_lines(jobs(clone))
    assert re.search(r"^one +failed +0 of 6 ", printed_lines(jobs(clone)), re.MULTILINE)
    shown = printed_lines(jobs(clone, "-e", "action=show", "-e", "job_id=one"))
    assert f"state      failed: {reason}, 0 of 6 chunks done" in shown
    assert "mine.py:2 in process: return block['no_such']" in shown

    assert "nothing to remove" in printed_lines(jobs(clone, "-e", "action=prune"))
    assert "removed one" in printed_lines(jobs(clone, "-e", "action=prune", "-e", "days=0"))


def test_jobs_of_this_machine_are_listed_while_the_boards_are_off(clone: Clone) -> None:
    boards = "{hosts: {b1: {ansible_host: 127.0.0.1, ansible_port: 1}}}"  # nothing listens there
    (clone.root / "off.yml").write_text(
        f"all: {{children: {{swarm_manager: {boards}, swarm_worker: {boards}, nfs_server: {boards}}}}}"
    )
    off = ("-i", str(clone.root / "off.yml"))
    assert clone.run_job("-e", f"input={SAMPLE}", "-e", "job_id=one", "-e", "limit=100").code == 0

    listed = printed_lines(jobs(clone, *off))
    assert re.search(r"^one +done +1 of 1 ", listed, re.MULTILINE)
    assert "The jobs on the boards are not listed. b1 did not answer: " in listed
    assert "state      done" in printed_lines(jobs(clone, *off, "-e", "action=show", "-e", "job_id=one"))
    missing = jobs(clone, *off, "-e", "action=show", "-e", "job_id=two").message
    assert missing.startswith("job_id: job two does not exist on this machine. b1 did not answer: ")
    assert "The jobs on the boards were not pruned." in jobs(clone, *off, "-e", "action=prune").message
    assert "(removed)" in printed_lines(jobs(clone, *off, "-e", "action=remove", "-e", "job_id=one"))


def test_retry_uses_the_old_request_and_split_with_new_code(clone: Clone) -> None:
    mine = clone.root / "mine.py"
    mine.write_text("def process(block, context):\n    return block[['carrier', 'no_such']]\n")
    options = ("-e", f"input={SAMPLE}", "-e", "processor=./mine.py", "-e", "job_id=one", "-e", "chunks=3")
    failed = clone.run_job(*options)
    retry = "ansible-playbook playbooks/jobs.yml -e action=retry -e job_id=one"
    assert f"fix it, then retry with its new code: {retry}" in failed.message

    mine.write_text("def process(block, context):\n    return block[['carrier', 'flight']]\n")
    retried = jobs(clone, *retry.split()[2:])

    assert "[✓] Split file into 3 chunks" in retried.summary
    found = re.search(r"^job +(\S+)$", retried.summary, re.MULTILINE)
    assert found
    assert found[1] != "one"
    result = clone.root / "results" / found[1] / "result.csv"
    assert len(result.read_text().splitlines()) == 27_005
    [old, new] = [json.loads((clone.root / "jobs" / job / "manifest.json").read_text()) for job in ("one", found[1])]
    assert old["chunks"] == new["chunks"]
    assert old["processor"]["sha256"] != new["processor"]["sha256"]


def test_side_files_travel_with_the_job(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LOOKUP)
    (tmp_path / "data.csv").write_text("carrier\nUA\nB6\n")
    (tmp_path / "side").mkdir()
    (tmp_path / "side/names.csv").write_text("UA,United\nB6,JetBlue\n")
    (tmp_path / "side/names.py").write_text("def parse(lines):\n    return dict(line.split(',') for line in lines)\n")
    variables = {
        "input": "data.csv",
        "processor": "./mine.py",
        "files": ["side/names.csv", "side/names.py"],
        "job_id": "x",
    }

    run = clone.run_job("-e", json.dumps(variables), stand=tmp_path)
    # The request of the retry comes from the manifest.
    (tmp_path / "side/names.csv").write_text("UA,Other\nB6,JetBlue\n")
    retried = jobs(clone, "-e", "action=retry", "-e", "job_id=x")

    assert run.code == 0, run.output
    found = re.search(r"^job +(\S+)$", retried.summary, re.MULTILINE)
    assert found
    assert (clone.root / "results/x/result.csv").read_text() == "carrier,name\nUA,United\nB6,JetBlue\n"
    assert (clone.root / "results" / found[1] / "result.csv").read_text() == "carrier,name\nUA,Other\nB6,JetBlue\n"
