"""run_job.yml, from a user's options to the result."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ansible.test_jobs_playbook import jobs

if TYPE_CHECKING:
    from tests.ansible.conftest import Clone, PlaybookResult

SAMPLE = Path(__file__).resolve().parents[2] / "files/samples/flights.csv"

MINE = """
def process(block, context):
    print("sees", len(block), "rows")
    return block[block["dep_delay"] > 60][["carrier", "flight"]]
"""

FAILING = """
def process(block, context):
    raise KeyError("no such thing")
"""


def test_sample_job_writes_a_result(clone: Clone) -> None:
    run = clone.run_job("-e", "input=files/samples/flights.csv", "-e", "chunks=3", "-e", "workers=1")

    five, figures = run.summary.split("\n\n", 1)
    assert five.splitlines() == [
        "[✓] Split file into 3 chunks",
        "[✓] Deployed 1 worker (a local process)",
        "[✓] Each processed 3 chunks",
        "[✓] Collected 3 result files",
        "[✓] Final file merged successfully",
    ]
    found = re.search(r"^job +(\d{8}-\d{6}-[0-9a-f]{6})$", figures, re.MULTILINE)
    assert found
    result = clone.root / "results" / found[1] / "result.csv"
    assert f"result    {result}\n" in figures
    assert "rows      27,004 in, 14 out\n" in figures
    assert "ran on    this machine, engine local\n" in figures
    times = re.search(
        r"^time      (\d+\.\d) s from command to result, [\d,]+ rows/s\n"
        r"          of which (\d+\.\d) s split, (\d+\.\d) s process, (\d+\.\d) s collect$",
        figures,
        re.MULTILINE,
    )
    assert times
    # Ansible and the start of three scripts are in the first one.
    assert float(times[1]) > sum(map(float, times.groups()[1:]))
    assert result.read_text().startswith("column,count,missing,mean,")
    assert (clone.root / "jobs" / found[1]).is_dir()
    assert figures.endswith(f"report    {result.with_name('report.html')}\n")
    assert result.with_name("report.html").is_file()


def test_steps_are_passed_in_place_of_a_processor(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,x\n3,y\n2,z\n")
    (tmp_path / "keys.csv").write_text("b,c\ny,7\n")
    steps = [
        {"processor": "join", "options": {"file": "keys.csv", "on": "b"}},
        {"processor": "transform", "options": {"where": "a > 1"}},
        {"processor": "sort", "options": {"by": ["a"]}},
    ]
    variables = {"input": "data.csv", "output": "out", "steps": steps, "files": ["keys.csv"]}

    run = clone.run_job("-e", json.dumps(variables), stand=tmp_path)

    assert run.code == 0, run.output
    assert (tmp_path / "out/result.csv").read_text() == "a,b,c\n2,z,\n3,y,7\n"


@pytest.mark.parametrize("config", [True, False], ids=["with ansible.cfg", "without ansible.cfg"])
def test_relative_paths_resolve_from_the_current_directory(clone: Clone, tmp_path: Path, config: bool) -> None:
    here = tmp_path / "desk"
    here.mkdir()
    (tmp_path / "data.csv").write_bytes(SAMPLE.read_bytes())
    (here / "mine.py").write_text(MINE)
    variables = ["-e", "input=../data.csv", "-e", "processor=./mine.py", "-e", "output=out"]

    run = clone.run_job(*variables, stand=here, config=config)

    assert run.code == 0, run.output
    assert (here / "out/result.csv").read_text().startswith("carrier,flight\n")
    assert not (clone.root / "results").exists()


def test_paths_are_recorded_normalized(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "data.csv").write_text("a\n1\n")
    variables = ["-e", f"input={tmp_path}/a//../a/./../data.csv", "-e", "output=./a/../out", "-e", "job_id=plain"]

    run = clone.run_job(*variables, stand=tmp_path)

    assert f"result    {tmp_path}/out/result.csv\n" in run.summary
    report = json.loads((tmp_path / "out/job.json").read_text())
    assert report["input"]["path"] == str(tmp_path / "data.csv")


def test_many_files_are_one_input(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/2024-01.csv").write_text("id,name\n1,x\n")
    (tmp_path / "sets/2024-02.csv").write_text("name;note;id\ny;late;2\n")
    variables = {
        "input": ["sets/2024-*.csv"],
        "union": True,
        "source_file": True,
        "processor": "transform",
        "options": {"assign": {"double": "id * 2"}},
        "job_id": "many",
    }

    run = clone.run_job("-e", json.dumps(variables), stand=tmp_path)

    assert run.code == 0, run.output
    assert (clone.root / "results/many/result.csv").read_text() == (
        "id,name,note,source_file,double\n1,x,,2024-01.csv,2\n2,y,late,2024-02.csv,4\n"
    )
    (tmp_path / "sets/2024-03.csv").write_text("id,name\n3,z\n")
    assert "2024-03.csv was added to the input" in clone.run_job("-e", json.dumps(variables), stand=tmp_path).message
    retried = jobs(clone, "-e", "action=retry", "-e", "job_id=many")
    assert "rows      3 in, 3 out" in retried.summary


def test_same_job_id_resumes_the_job(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    variables = ["-e", f"input={SAMPLE}", "-e", "processor=./mine.py", "-e", "job_id=twice", "-e", "chunks=2"]
    assert clone.run_job(*variables, stand=tmp_path).code == 0
    result = clone.root / "results/twice/result.csv"
    first = result.read_bytes()

    rerun = clone.run_job(*variables, stand=tmp_path)

    assert rerun.code == 0, rerun.output
    assert "changed=0" in rerun.output
    assert rerun.summary.startswith("Job twice was finished already, so nothing ran. This is its result:\n")
    assert f"result    {result}\n" in rerun.summary
    assert "Final file merged" not in rerun.summary
    assert result.read_bytes() == first


@pytest.mark.parametrize(
    "options",
    [{"columns": ["carrier", "flight"]}, '{"columns": ["carrier", "flight"]}', "{columns: [carrier, flight]}"],
    ids=["dictionary", "JSON", "YAML"],
)
def test_options_accept_a_dictionary_or_json_text(clone: Clone, options: object) -> None:
    variables = {"input": str(SAMPLE), "processor": "transform", "options": options, "job_id": "options"}

    run = clone.run_job("-e", json.dumps(variables))

    assert run.code == 0, run.output
    assert (clone.root / "results/options/result.csv").read_text().startswith("carrier,flight\nUA,1545\n")


def test_variables_reach_the_scripts(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "my data.txt").write_bytes("zip\tname\n007\t'Zoë\tK'\n-\tx\n".encode("latin-1"))
    variables = {
        "input": "my data.txt",
        "delimiter": "tab",
        "quotechar": "'",
        "encoding": "latin-1",
        "column_types": {"zip": "int"},
        "null_values": ["-"],
        "output": "out",
    }

    run = clone.run_job("-e", json.dumps(variables), stand=tmp_path)

    assert run.code == 0, run.output
    header, *rows = (tmp_path / "out/result.csv").read_text().splitlines()
    [figures] = (dict(zip(header.split(","), row.split(","), strict=True)) for row in rows)
    assert (figures["column"], figures["count"], figures["missing"], figures["max"]) == ("zip", "1", "1", "7")


def test_input_error_prints_one_message(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")

    run = clone.run_job("-e", "input=empty.csv", stand=tmp_path)

    assert run.code != 0
    assert "empty" in run.message
    assert "job_id" not in run.message
    assert not (clone.root / "results").exists()


def test_output_of_another_job_is_rejected_before_the_split(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/job.json").write_text('{"job_id": "another"}')

    run = clone.run_job("-e", f"input={SAMPLE}", "-e", "output=out", "-e", "job_id=mine", stand=tmp_path)

    assert run.code != 0
    assert "already contains the result of job another" in run.message
    assert not (clone.root / "jobs").exists()


KILLED = """
import os, pathlib, signal

def process(block, context):
    if not pathlib.Path({mark!r}).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return block.head(1)
"""


def test_permanent_error_suggests_a_new_job(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FAILING)
    variables = ["-e", f"input={SAMPLE}", "-e", "processor=./mine.py", "-e", "job_id=broken"]

    run = clone.run_job(*variables, stand=tmp_path)

    assert "no such thing" in run.message
    assert "A resume would fail in the same way. If the processor is wrong, fix it, then retry" in run.message
    aside = f"ansible-playbook {clone.root}/run_job.yml -e job_id=broken -e on_error=quarantine"
    assert run.message.endswith(f"If only some records are bad, quarantine them: {aside}")


def test_killed_job_resumes_from_its_job_id_alone(clone: Clone, tmp_path: Path) -> None:
    mark = tmp_path / "the-cause-is-gone"
    (tmp_path / "mine.py").write_text(KILLED.format(mark=str(mark)))
    variables = ["-e", f"input={SAMPLE}", "-e", "processor=./mine.py", "-e", "job_id=killed", "-e", "chunks=1"]

    run = clone.run_job(*variables, "-e", "output=out", stand=tmp_path)

    resume = f"ansible-playbook {clone.root}/run_job.yml -e job_id=killed"
    assert run.message.endswith(f"Finished chunks are kept. Fix the cause, then resume: {resume}")
    page = clone.root / "jobs/killed/report.html"
    assert f"\nReport: {page}\n" in run.message
    assert page.read_text().count("<td>lost</td>") == 3
    assert "new job" not in run.message
    mark.touch()
    resumed = clone.run_job("-e", "job_id=killed")
    assert resumed.code == 0, resumed.output
    assert (tmp_path / "out/result.csv").read_text().count("\n") == 2


GROUPBY = 'def process(block, context):\n    return block.groupby("carrier", as_index=False)["distance"].sum()\n'


def test_limited_run_verifies_the_processor(clone: Clone) -> None:
    mine = clone.root / "mine.py"
    mine.write_text(GROUPBY)
    options = ("-e", f"input={SAMPLE}", "-e", "processor=./mine.py", "-e", "limit=1000", "-e", "job_id=one")

    wrong = clone.run_job(*options)

    assert wrong.message.startswith("verify: the processor gives another result when the first 1,000 records are cut")
    assert "The first difference is in row 1: '9E," in wrong.message
    assert "combine(partials, context)" in wrong.message
    assert not (clone.root / "jobs/one").exists()

    combine = (
        "import pandas as pd\n\ndef combine(partials, context):\n    return process(pd.concat(partials), context)\n"
    )
    mine.write_text(f"{combine}\n\n{GROUPBY}")
    right = clone.run_job(*options)

    assert "rows      1,000 in," in right.summary
    assert "limit     only the first 1000 records were processed" in right.summary
    assert "verified  the first 1,000 records give the same result, cut in 3 ways" in right.summary
    report = json.loads((clone.root / "results/one/job.json").read_text())
    assert (report["request"]["limit"], report["rows_in"]) == (1000, 1000)


def test_verify_runs_before_the_whole_job(clone: Clone) -> None:
    summary = clone.run_job("-e", f"input={SAMPLE}", "-e", "verify=true").summary

    assert "rows      27,004 in" in summary
    assert "verified  the first 10,000 records give the same result, cut in 3 ways" in summary


def test_too_many_bad_records_suggest_quarantine(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n" + "1\n" * 9)

    run = clone.run_job("-e", f"input={tmp_path}/bad.csv", "-e", "processor=transform", "-e", "on_error=quarantine",
                        "-e", "job_id=one")  # fmt: skip

    assert "9 of 10 records are rejected so far, more than max_rejected (50%) allows." in run.message
    assert "  9 x 1 field where the header has 2 (first: record 2)\n" in run.message
    assert rerun(clone, run.message, "max_rejected=100%").code == 0


def rerun(clone: Clone, message: str, option: str) -> PlaybookResult:
    """Run the command that a message contains."""
    [line] = [line for line in message.splitlines() if line.endswith(option)]
    return clone.run_job(*line.partition("run_job.yml ")[2].split())
