"""csvswarm.run: a job as a function."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import csvswarm
import pandas as pd
import pytest

from tests.support.jobs import ROOT, SAMPLE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("key,n\na,1\nb,2\na,5\n")
    return tmp_path


def test_result_of_a_job(folder: Path) -> None:
    found = csvswarm.run(Path("data.csv"), "transform", options={"where": "n > 1"}, chunks=2, workers=1)

    assert found.path == folder / "results" / found.job_id / "result.csv"
    assert found.job_directory == folder / "jobs" / found.job_id
    assert found.to_pandas().to_dict("list") == {"key": ["b", "a"], "n": [2, 5]}
    assert found.to_pandas(usecols=["n"])["n"].tolist() == [2, 5]
    assert (found.job["rows_in"], found.job["rows_out"], found.job["chunks"]) == (3, 2, 2)
    assert found.report == found.path.with_name("report.html")
    assert found.report.is_file()
    assert (found.rejected, found.warnings) == (None, [])


def test_sample_equals_pandas(folder: Path) -> None:
    options = {"group_by": ["carrier"], "metrics": {"distance": ["sum", "max"]}}

    found = csvswarm.run(SAMPLE, "aggregate", options=options, output=folder / "out", chunks=3).to_pandas()

    theirs = pd.read_csv(SAMPLE).groupby("carrier")["distance"].agg(["sum", "max"])
    assert found.set_index("carrier").to_numpy().tolist() == theirs.to_numpy().tolist()


def test_own_processor_with_side_files_and_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.py").write_text(
        "import names\n\n\ndef process(block, context):\n    print('at work')\n"
        "    return block.assign(name=names.of(block['key'], context.file('table.csv')))\n"
    )
    (folder / "names.py").write_text("def of(keys, path):\n    return keys.map(dict([path.read_text().split(',')]))\n")
    (folder / "table.csv").write_text("a,Anna")
    (folder / "none.csv").write_text("1;?\n2;b\n")

    found = csvswarm.run(
        "none.csv",
        folder / "mine.py",
        files=["names.py", folder / "table.csv"],
        header=["n", "key"],
        null_values=["?"],
        delimiter=";",
        strict=False,
    )

    assert found.path.read_text() == "n,key,name\n1,,\n2,b,\n"
    assert "at work" in capsys.readouterr().err


def test_rejected_records_and_warnings(folder: Path) -> None:
    (folder / "data.csv").write_text("key,n\na,1\nb\nc,2\n")

    found = csvswarm.run("data.csv", "transform", on_error="quarantine", options={"where": "n > 9"})

    assert found.rejected is not None
    assert "2," in found.rejected.read_text()
    assert len(found.warnings) == 1


def test_errors_are_exceptions_of_csvswarm(folder: Path) -> None:
    (folder / "bad.py").write_text("def process(block, context):\n    raise ValueError('no')\n")
    (folder / "broken.py").write_text("def process(block, context:\n")

    with pytest.raises(csvswarm.InputError, match=r"none\.csv does not exist"):
        csvswarm.run("none.csv")
    with pytest.raises(csvswarm.OptionError, match="has no option 'were'"):
        csvswarm.run("data.csv", "transform", options={"were": "n > 1"})
    with pytest.raises(csvswarm.OptionError, match="unrecognized arguments: --chunk=3"):
        csvswarm.run("data.csv", chunk=3)
    with pytest.raises(csvswarm.ProcessorError, match=r"broken\.py is not valid Python"):
        csvswarm.run("data.csv", "broken.py")
    with pytest.raises(csvswarm.CsvswarmError, match="processor bad failed: ValueError: no"):
        csvswarm.run("data.csv", folder / "bad.py", job_id="one")
    assert (folder / "jobs/one/report.html").is_file()
    with pytest.raises(csvswarm.JobError, match="job one was made with another processor"):
        csvswarm.run("data.csv", "transform", job_id="one")


def test_a_job_that_is_interrupted_ends_with_its_processes(folder: Path) -> None:
    """A notebook interrupts the calling process alone, not its group."""
    (folder / "mine.py").write_text(
        "import time\n\n\ndef process(block, context):\n    print('at work')\n    time.sleep(600)\n"
    )
    # Not guarded by `__name__`, as a notebook is not.
    code = "import csvswarm, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "try:\n    csvswarm.run('data.csv', 'mine.py', job_id='one')\n"
    code += "except KeyboardInterrupt:\n    print('interrupted')\n"
    (folder / "caller.py").write_text(code)
    caller = subprocess.Popen(
        [sys.executable, "caller.py"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}/scripts"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert caller.stderr is not None
    assert caller.stderr.readline() == "at work\n"  # while it runs

    caller.send_signal(signal.SIGINT)

    assert caller.communicate(timeout=120) == ("interrupted\n", "")
    with pytest.raises(ProcessLookupError):
        os.killpg(caller.pid, 0)


def test_output_of_a_job_is_printed_although_it_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.py").write_text("def process(block, context):\n    print('at work')\n    raise ValueError('no')\n")

    with pytest.raises(csvswarm.CsvswarmError, match="processor bad failed"):
        csvswarm.run("data.csv", "bad.py")

    assert capsys.readouterr().err == "at work\n"


def test_a_file_may_start_with_a_dash(folder: Path) -> None:
    (folder / "data.csv").rename(folder / "-data.csv")

    assert csvswarm.run("-data.csv", "convert").path.read_text() == "key,n\na,1\nb,2\na,5\n"


def test_job_is_resumed_by_its_name() -> None:
    first = csvswarm.run("data.csv", "transform", job_id="one")

    assert csvswarm.run("data.csv", "transform", job_id="one") == first


def test_import_is_light() -> None:
    code = "import sys, csvswarm; print(*{'pandas', 'numpy', 'csvswarm.local'} & {*sys.modules}); csvswarm.run"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONPATH": f"{ROOT}/scripts"}
    )

    assert done.stdout == "\n"
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        csvswarm.__getattr__("runn")
