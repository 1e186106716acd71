"""What a processor's text shows without being run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from csvswarm.errors import ProcessorError
from csvswarm.processor_api.declarations import HOOKS, NO_USER_CODE, declarations
from csvswarm.processor_api.loader import load_processor

from tests.support.jobs import ROOT

PROCESS = "def process(block, context):\n    return block\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (PROCESS, {}),
        (f'"""Mine."""\nimport pandas as pd\nfrom os import path\nRATE = pd.NA\n{PROCESS}', {}),
        (f"OVERLAP = 3\nOPTIONS: dict = {{'n': {{'type': 'int'}}}}\ncolumns = ['a']\n{PROCESS}",
         {"OVERLAP": 3, "OPTIONS": {"n": {"type": "int"}}, "columns": ["a"]}),
        (f"class Model:\n    combine = 1\n{PROCESS}", {}),
    ],
)  # fmt: skip
def test_file_with_process_alone_is_declared(text: str, values: dict[str, object]) -> None:
    found = declarations(text.encode())

    assert found is not None
    assert callable(found.pop("process"))
    assert found == values


@pytest.mark.parametrize(
    "more",
    [
        "def combine(partials, context):\n    return partials[0]\n",
        "def columns(context):\n    return ['a']\n",
        "columns = list('ab')\n",
        "from helpers import combine\n",
        "from helpers import *\n",
        "import helpers as keys\n",
        "if True:\n    header = 1\n",
        "print('hello')\n",
        "def __getattr__(name):\n    return 1\n",
        "def set():\n    global combine\n    combine = 1\nX = set()\n",
        "X = (combine := print)\n",
        "process = process\n",
        "def broken(:\n",
    ],
)
def test_file_with_more_has_to_be_run(more: str) -> None:
    assert declarations((PROCESS + more).encode()) is None


def test_file_without_process_has_to_be_run() -> None:
    assert declarations(b"X = 1\n") is None


def test_hooks_are_those_that_the_package_looks_up() -> None:
    looked_up = re.compile(
        r'(?:attr\((?:self\.)?(?:processor\.)?module|attr\(functions|\.call\(), "(\w+)"|\.call\("(\w+)"'
    )
    found = set()
    for path in (ROOT / "scripts/csvswarm").rglob("*.py"):
        found |= {one or other for one, other in looked_up.findall(path.read_text())}
    assert len(found) > 15
    assert found - {"DIGEST", "__loader__"} <= HOOKS


def test_hook_that_appears_while_the_file_runs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"X = globals().setdefault('combine', print)\n{PROCESS}")

    with pytest.raises(ProcessorError, match=r"mine\.py sets combine while it runs: define it at the top level"):
        load_processor(path)


def test_process_without_user_code_reads_declarations_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, canary = tmp_path / "mine.py", tmp_path / "canary"
    path.write_text(f"X = open({str(canary)!r}, 'w')\nOVERLAP = 2\n{PROCESS}")
    monkeypatch.setenv(NO_USER_CODE, "1")

    processor = load_processor(path)
    assert (processor.module.OVERLAP, processor.combines, canary.exists()) == (2, False, False)
    with pytest.raises(AssertionError):
        processor.module.process()
    path.write_text(f"print(1)\n{PROCESS}")
    with pytest.raises(ProcessorError, match=r"mine\.py must not run in this process"):
        load_processor(path)
