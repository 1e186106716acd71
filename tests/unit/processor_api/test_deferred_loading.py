"""A user's file runs only when one of its functions is called, if its text shows what it defines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from csvswarm.errors import ProcessorError
from csvswarm.processor_api.loader import load_processor
from csvswarm.processor_api.processor import Processor

FILE = """
from pathlib import Path

OPTIONS = {"n": {"type": "int", "description": "a number"}}
columns = ["x"]
MADE = Path(MARKER).mkdir()
FACTOR = 3


def process(block, context):
    return block * FACTOR


def combine(partials, context):
    return sum(partials) * FACTOR
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def load(marker: Path, text: str = FILE) -> Processor:
    path = marker.with_name("mine.py")
    path.write_text(text.replace("MARKER", repr(str(marker))))
    return load_processor(path, defer=True)


def test_declarations_need_no_run(marker: Path) -> None:
    processor = load(marker)

    assert processor.options["n"]["type"] == "int"
    assert processor.module.columns == ["x"]
    assert processor.combines
    assert not processor.is_keyed
    assert not marker.exists()


def test_first_call_runs_the_file_once(marker: Path) -> None:
    processor = load(marker)

    assert processor.call("combine", [1, 2], None) == 9
    assert processor.call("process", 5, None) == 15
    assert processor.call("combine", [1], None) == 3
    assert marker.is_dir()


@pytest.mark.parametrize("more", ["if True:\n    keys = ['x']\n", "print(1)\n", "columns = [*'x']\n"])
def test_file_whose_text_does_not_show_it_runs(marker: Path, more: str) -> None:
    load(marker, FILE + more)

    assert marker.is_dir()


def test_missing_package_is_reported_without_a_call(marker: Path) -> None:
    assert "nothing_like_it" not in sys.modules
    with pytest.raises(ProcessorError, match=r"ModuleNotFoundError.*requirements=FILE"):
        load(marker, "from nothing_like_it.deep import x\n" + FILE)


def test_failure_of_a_deferred_run_names_the_line(marker: Path) -> None:
    processor = load(marker, FILE.replace("FACTOR = 3", "FACTOR = int('x')"))

    with pytest.raises(ProcessorError, match="fails to load at line 7: ValueError"):
        processor.call("process", 5, None)


def test_hook_that_is_set_while_it_runs_is_refused(marker: Path) -> None:
    processor = load(marker, FILE + "X = globals().update(BLOCK='rows')\n")

    with pytest.raises(ProcessorError, match="sets BLOCK while it runs"):
        processor.call("process", 5, None)
