"""The command csvswarm: exit codes, messages, and what Ctrl-C prints."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jobs import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
#: Waits for its end after the first block, with a file as its sign.
SLOW = """
import pathlib, time

def process(block, context):
    pathlib.Path({sign!r}).touch()
    time.sleep(600)
"""


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "csvswarm", *arguments]
    return subprocess.run(words, cwd=cwd, env=ENVIRONMENT, check=False, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("key,n\na,1\nb,2\n")
    return tmp_path


def test_summary_and_json(folder: Path) -> None:
    arguments = ["run", "data.csv", "--processor", "transform", "--job-id", "one", "--output", "out"]

    plain, as_json = command(*arguments, cwd=folder), command(*arguments, "--json", cwd=folder)

    assert (plain.returncode, plain.stderr) == (0, "")
    assert plain.stdout.splitlines() == [
        "job       one",
        "rows      2 in, 2 out",
        f"report    {folder}/out/report.html",
        f"result    {folder}/out/result.csv",
    ]
    summary = json.loads(as_json.stdout)
    assert (summary["job_id"], summary["collect"]["rows_out"]) == ("one", 2)
    assert (folder / "out/result.csv").read_text() == (folder / "data.csv").read_text()


def test_a_job_that_files_can_be_added_to_needs_a_name(folder: Path) -> None:
    arguments = ["run", ".", "--processor", "convert", "--incremental"]

    done = command(*arguments, cwd=folder)

    assert done.returncode == 2
    assert done.stderr.startswith("csvswarm run: incremental needs a job_id, by which later runs find the job. ")


def test_exit_codes_are_those_of_the_scripts(folder: Path) -> None:
    (folder / "bad.py").write_text("def process(block, context):\n    print('hello')\n    raise ValueError('no')\n")

    missing = command("run", "none.csv", cwd=folder)
    unknown = command("run", "data.csv", "--procesor", "x", cwd=folder)
    failed = command("run", "data.csv", "--processor", "./bad.py", "--job-id", "one", cwd=folder)

    assert missing.returncode == 1
    assert missing.stderr == f"{folder}/none.csv does not exist: check the path given as input.\n"
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr == (
        "csvswarm run: unrecognized arguments: --procesor x (csvswarm run --help lists the options)\n"
    )
    assert failed.returncode == 1
    assert failed.stderr.splitlines() == [
        "hello",
        "processor bad failed: ValueError: no",
        '  bad.py:3 in process: raise ValueError("no")'.replace('"', "'"),
        "  in chunk 1, records 1 to 2",
        f"report    {folder}/jobs/one/report.html",
        "If the processor or the input is wrong, fix it and run a new job: csvswarm run data.csv --processor ./bad.py",
        (
            "Otherwise, fix the cause and resume. Finished chunks are kept: "
            "csvswarm run data.csv --processor ./bad.py --job-id=one"
        ),
    ]


def test_an_incremental_job_is_repeated_over_all_files(folder: Path) -> None:
    words = ["run", ".", "--processor", "convert", "--incremental", "--job-id", "one"]
    assert command(*words, cwd=folder).returncode == 0

    text = html.unescape((folder / "results/one/report.html").read_text())

    assert "<pre>csvswarm run . --processor convert</pre>" in text
    assert "<pre>csvswarm run . --processor convert --incremental --job-id=one</pre>" in text


@pytest.mark.parametrize("command_line", [True, False], ids=["command", "function"])
def test_the_report_of_a_job_without_ansible_names_commands_without_ansible(folder: Path, command_line: bool) -> None:
    options = {"assign": {"m": "n + 1"}}
    if command_line:
        words = ["--processor", "transform", "--options", json.dumps(options), "--job-id", "one"]
        assert command("run", "data.csv", *words, cwd=folder).returncode == 0
    else:
        code = f"import csvswarm; csvswarm.run('data.csv', 'transform', options={options!r}, job_id='one', chunks=2)"
        subprocess.run([sys.executable, "-c", code], cwd=folder, env=ENVIRONMENT, check=True)

    text = html.unescape((folder / "results/one/report.html").read_text())
    found = re.findall(r"<pre>(csvswarm run .*?)</pre>", text)

    assert len(found) == 2
    assert "ansible" not in text
    for line in found:
        done = command(*shlex.split(line)[1:], cwd=folder)
        assert (done.returncode, done.stdout.splitlines()[1]) == (0, "rows      2 in, 2 out")
    assert found[1].endswith(" --job-id=one")


def test_help_lists_the_options_of_a_split(folder: Path) -> None:
    text = command("run", "--help", cwd=folder).stdout

    assert text.startswith("usage: csvswarm run ")
    assert "--column-types JSON" in text
    assert "--requirements FILE" in text
    assert "--durable" not in text
    assert text.count("--output DIR") == 2  # usage and description of this command alone
    assert "run one job over one input" in command("--help", cwd=folder).stdout


@pytest.mark.parametrize(
    "script", ["split_dataframe.py", "split_processing.py", "collect_results.py", "report_job.py", "job_driver.py"]
)
def test_help_of_the_scripts(script: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--help"], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Start processes that Ctrl-C interrupts, although the tests may run as a background job, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("terminal", [True, False], ids=["the whole group", "the command alone"])
def test_ctrl_c_prints_how_to_resume(folder: Path, terminal: bool) -> None:
    sign = folder / "started"
    (folder / "mine.py").write_text(SLOW.format(sign=str(sign)))
    words = ["run", "data.csv", "--processor", "./mine.py", "--job-id", "one", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "csvswarm", *words],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    limit = time.monotonic() + 120
    while not sign.exists():
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.05)

    (os.killpg if terminal else os.kill)(process.pid, signal.SIGINT)

    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    resume = "csvswarm run data.csv --processor ./mine.py --job-id=one --workers=1"
    assert err == f"Interrupted. Resume with: {resume}\n"
    (folder / "mine.py").write_text(SLOW.format(sign=str(sign)))
    manifest = json.loads((folder / "jobs/one/manifest.json").read_text())
    assert manifest["job_id"] == "one"


def test_files_of_the_current_folder_do_not_replace_modules_of_python(folder: Path) -> None:
    for name in ("csv", "calendar", "statistics", "numpy"):
        (folder / f"{name}.py").write_text("raise AssertionError('imported')\n")
    (folder / "mine.py").write_text("import pandas\n\n\ndef process(block, context):\n    return block\n")

    done = command("run", "data.csv", "--processor", "./mine.py", "--output", "out", cwd=folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "out/result.csv").read_text() == (folder / "data.csv").read_text()


def test_a_summary_that_cannot_be_printed_is_reported(folder: Path) -> None:
    words = [sys.executable, "-m", "csvswarm", "run", "data.csv", "--processor", "convert", "--output", "out"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, cwd=folder, env=ENVIRONMENT, check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )

    assert done.returncode == 1
    assert done.stderr == (
        f"the summary of the job cannot be printed: No space left on device. The result is in {folder}/out.\n"
    )
    assert (folder / "out/result.csv").is_file()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_reader_of_a_summary_may_close_its_pipe(folder: Path, unbuffered: str) -> None:
    environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered}
    words = [sys.executable, "-m", "csvswarm", "run", "data.csv", "--processor", "convert"]
    process = subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()

    assert process.wait(120) == 0
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == ""


def test_a_killed_script_is_reported(folder: Path) -> None:
    (folder / "mine.py").write_text("import os\n\n\ndef process(block, context):\n    os.kill(os.getppid(), 9)\n")

    done = command("run", "data.csv", "--processor", "./mine.py", "--job-id", "one", cwd=folder)

    assert done.returncode not in (0, 1, 2)
    assert done.stderr == "A script ended with code -9. Please report this.\n"


def test_installed_package_runs_without_the_clone(folder: Path) -> None:
    """pip install . in a copy of the clone, as pip writes beside what it installs."""
    copy, site = folder / "clone", folder / "site"
    names = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "scripts", "files/processors"]
    for name in names:
        source = ROOT / name
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(copy)]
    done = subprocess.run(pip, check=False, capture_output=True, text=True)
    if "setuptools" in done.stderr and done.returncode:
        pytest.skip(f"the package index does not answer: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr

    shutil.rmtree(copy)
    words = [str(site / "bin/csvswarm"), "run", "data.csv", "--processor", "transform", "--output", "out"]
    ran = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert (folder / "out/result.csv").read_text() == "key,n\na,1\nb,2\n"
    assert (folder / "out/report.html").is_file()
    sources = {path.relative_to(ROOT / "scripts") for path in (ROOT / "scripts/csvswarm").rglob("*.py")}
    assert sources <= {path.relative_to(site) for path in (site / "csvswarm").rglob("*.py")}
