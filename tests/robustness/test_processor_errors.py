"""Failing user processors: the message names the chunk, the records, and the lines in the user's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from csvswarm.errors import CsvswarmError

from tests.support.jobs import Scripts, run_in_process

DATA = "id,x\n" + "".join(f"{number},{number}\n" for number in range(1, 101))


def given(scripts: Scripts, code: str) -> tuple[Path, Path]:
    """The input and the user's processor."""
    source, mine = scripts.directory / "data.csv", scripts.directory / "mine.py"
    source.write_text(DATA)
    mine.write_text(code)
    return source, mine


def refused(scripts: Scripts, code: str, *arguments: str) -> str:
    """Return the message with which the split refuses a processor."""
    source, mine = given(scripts, code)
    line = scripts.split(source, "--processor", mine, *arguments).line
    assert not scripts.job.exists()
    assert scripts.shows_no_result()
    return line


def fails(scripts: Scripts, code: str, *arguments: str) -> list[str]:
    """Return the lines of the message with which processing fails."""
    source, mine = given(scripts, code)
    assert scripts.split(source, "--processor", mine, *arguments).code == 0
    message = scripts.process().message
    assert scripts.shows_no_result()
    return message.splitlines()


def test_missing_file(scripts: Scripts) -> None:
    source, _ = given(scripts, "")

    assert scripts.split(source, "--processor", "nowhere/mine.py").line == (
        "processor 'nowhere/mine.py' is unknown: pass a built-in one (aggregate, convert, distinct, join, profile, "
        "sample, sort, statistics, steps, top, transform) or the path of a Python file."
    )


def test_unreadable_file(unprivileged: Scripts) -> None:
    source, mine = given(unprivileged, "")
    mine.chmod(0)

    assert unprivileged.split(source, "--processor", mine).line == (
        f"processor {mine} cannot be read: Permission denied."
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def process(block, context)\n    return block\n", "is not valid Python: line 1: expected ':'"),
        ("x = 1\n\0", "is not valid Python"),
        (
            "import csv\nimport no_such_module\n",
            "fails to load at line 2: ModuleNotFoundError: No module named 'no_such",
        ),
        ("1 / 0\n", "fails to load at line 1: ZeroDivisionError: division by zero."),
        ("import sys\nsys.exit(0)\n", "fails to load at line 2: SystemExit: 0."),
    ],
    ids=["syntax", "NUL", "import", "division", "exit"],
)
def test_processor_with_an_import_error(scripts: Scripts, code: str, message: str) -> None:
    line = refused(scripts, code)

    assert line.startswith(f"processor {scripts.directory / 'mine.py'} {message}")


@pytest.mark.parametrize("code", ["", "process = 1\n"])
def test_processor_without_process(scripts: Scripts, code: str) -> None:
    assert refused(scripts, code) == "processor mine defines no function process(block, context): it needs one."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('{"limt": 3}', "processor mine has no option 'limt'; it takes: limit. Did you mean 'limit'?"),
        ('{"limit": "x"}', "option 'limit' of processor mine is 'x', but must be of type int."),
        ("{limit: 3}", "options is not valid JSON (Expecting property name enclosed in double quotes"),
        ("[3]", "options is [3], but must be an object like"),
    ],
)
def test_unknown_option(scripts: Scripts, options: str, message: str) -> None:
    code = 'OPTIONS = {"limit": {"type": "int"}}\ndef process(block, context):\n    return block\n'

    assert refused(scripts, code, "--options", options).startswith(message)


def test_missing_requested_column(scripts: Scripts) -> None:
    code = 'columns = ["id", "y"]\ndef process(block, context):\n    return block\n'

    assert refused(scripts, code) == "processor mine names a column 'y', but the file has: id, x."


def test_exception_in_the_processor(scripts: Scripts) -> None:
    code = """\
def check(block):
    if (block["id"] == 60).any():
        raise ValueError("sixty is too much\\nreally")


def process(block, context):
    check(block)
    return block
"""
    reason, first, second, location = lines = fails(scripts, code, "--chunks", "4")

    assert reason == "processor mine failed: ValueError: sixty is too much"
    assert first == "  mine.py:7 in process: check(block)"
    assert second == '  mine.py:3 in check: raise ValueError("sixty is too much\\nreally")'
    assert location == f"  in chunk 3, records {record_range(scripts, 3)}"
    assert scripts.collect().message.splitlines() == lines


def record_range(scripts: Scripts, chunk: int) -> str:
    message = json.loads((scripts.job / "manifest.json").read_text())["chunks"][chunk - 1]
    return f"{message['first_record']} to {message['first_record'] + message['rows'] - 1}"


def test_exit_in_the_processor(scripts: Scripts) -> None:
    code = "import sys\n\n\ndef process(block, context):\n    sys.exit(3)\n"

    assert fails(scripts, code)[:2] == ["processor mine failed: SystemExit: 3", "  mine.py:5 in process: sys.exit(3)"]


def test_processor_killing_its_process(scripts: Scripts) -> None:
    code = "import os\n\n\ndef process(block, context):\n    os._exit(3)\n"
    source, mine = given(scripts, code)
    assert scripts.split(source, "--processor", mine).code == 0

    line = scripts.process().line

    assert line.startswith("chunk 1 failed 3 times, the last time because its worker process exited with 3.")
    assert scripts.shows_no_result()


@pytest.mark.parametrize(("returned", "message"), [("None", "NoneType"), ("block['x']", "Series")])
def test_return_value_must_be_a_frame(scripts: Scripts, returned: str, message: str) -> None:
    lines = fails(scripts, f"def process(block, context):\n    return {returned}\n")

    assert lines[0] == (f"processor mine returned {message}, but process, combine and finish must return a DataFrame.")
    assert lines[1] == "  in chunk 1, records 1 to 100"


@pytest.mark.parametrize("chunks", [1, 5], ids=["in one chunk", "in several"])
def test_differing_columns_between_blocks(tmp_path: Path, chunks: int) -> None:
    scripts = Scripts(tmp_path)
    source, mine = given(
        scripts,
        "def process(block, context):\n    return block.rename(columns={'x': f'x{context.first_record}'})\n",
    )

    with pytest.raises(CsvswarmError) as raised:
        run_in_process(tmp_path, source, chunks=chunks, block_bytes=64, processor=str(mine))

    message = str(raised.value)
    assert "['id', 'x1']" in message
    assert "it must return the same columns for every block." in message


def test_fixed_processor_requires_a_new_job(scripts: Scripts) -> None:
    fails(scripts, "def process(block, context):\n    raise KeyError('x')\n")
    source, mine = scripts.directory / "data.csv", scripts.directory / "mine.py"
    mine.write_text("def process(block, context):\n    return block\n")

    line = scripts.split(source, "--processor", mine).line

    assert line == (
        f"job job was made with another processor, or another version of it ({mine}): "
        "leave out job_id to start a new job."
    )


def test_job_resumes_once_the_cause_is_gone(scripts: Scripts) -> None:
    code = """\
from pathlib import Path


def process(block, context):
    if context.chunk == 2 and not Path("there").exists():
        raise FileNotFoundError("there")
    return block
"""
    fails(scripts, code, "--chunks", "3")
    (scripts.directory / "there").touch()

    assert scripts.process().answer["chunks_run"] == 2
    assert scripts.collect().code == 0
    assert (scripts.output / "result.csv").read_text() == DATA


def test_processor_output_is_not_mixed_into_the_json(scripts: Scripts) -> None:
    code = "print('loaded')\n\n\ndef process(block, context):\n    print('here')\n    return block\n"
    source, mine = given(scripts, code)

    assert scripts.split(source, "--processor", mine).answer["chunks"] == 1
    run = scripts.process()

    assert run.answer["chunks_run"] == 1
    assert "here" in run.error
    assert scripts.collect().answer["rows_out"] == 100
