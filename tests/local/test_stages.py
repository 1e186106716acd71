"""What the process of `csvswarm run` imports for the stages that it forks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from csvswarm.runtime.script_process import SCRIPTS

IMPORTED = """
import sys
from csvswarm.local.stages import _preparations
for prepare in _preparations(sys.argv[1]):
    prepare()
print(*({"csvswarm.process.run", "pyarrow.compute", "pandas"} & sys.modules.keys()))
"""


def imported_for(processor: str) -> set[str]:
    command = [sys.executable, "-c", IMPORTED, processor]
    return set(subprocess.check_output(command, cwd=SCRIPTS, text=True).split())


@pytest.mark.parametrize(
    ("processor", "modules"),
    [
        ("transform", set()),
        ("sort", {"pyarrow.compute"}),
        ("no-such-processor", set()),
        ("frame.py", {"pyarrow.compute", "pandas"}),
        ("rows.py", set()),
        ("folder.py", set()),
    ],
)
def test_modules_for_a_processor_are_imported_once(tmp_path: Path, processor: str, modules: set[str]) -> None:
    (tmp_path / "frame.py").write_text("def process(block, context):\n    return block\n")
    (tmp_path / "rows.py").write_text("BLOCK = 'rows'\ndef process(block, context):\n    return block.table\n")
    (tmp_path / "folder.py").mkdir()
    given = str(tmp_path / processor) if processor.endswith(".py") else processor

    assert imported_for(given) == {"csvswarm.process.run", *modules}


def test_code_of_a_user_does_not_run_in_the_process_of_the_command(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("raise SystemExit('run')\ndef process(block, context):\n    return block\n")

    assert "csvswarm.process.run" in imported_for(str(path))
