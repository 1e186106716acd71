"""Scripts run in processes that have imported what they need, with their own arguments, environment and output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.jobs import ROOT

#: Prints what a script finds when it starts.
SCRIPT = """
import json, os, pathlib, sys

def main():
    print(json.dumps({
        "arguments": sys.argv,
        "folder": os.getcwd(),
        "variable": os.environ["SHOWN"],
        "imported": sorted(name for name in sys.modules if name.startswith(("csvswarm.", "docker"))),
        "score": int(pathlib.Path("/proc/self/oom_score_adj").read_text()),
    }))
    print("an error", file=sys.stderr)
    return 3
"""
#: Starts it as a driver does, and prints its exit code.
DRIVER = """
import pathlib, sys

if __name__ == "__main__":
    import docker
    from csvswarm.driver import stage_process

    folder = pathlib.Path(sys.argv[1])
    stage_process.start_importing()
    for name in ("answer", "errors"):
        (folder / name).touch()
    process = stage_process.start(sys.argv[2:], folder, {"SHOWN": "yes"}, folder / "answer", folder / "errors")
    process.join()
    print(process.exitcode)
"""


def run(folder: Path, *command: str) -> str:
    """Run a command in a folder as a driver does. Returns its exit code and a line end."""
    (folder / "driver.py").write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, folder / "driver.py", folder, *command],
        cwd=ROOT / "scripts",
        env={"PYTHONPATH": str(ROOT / "scripts")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_error_of_a_plan_is_all_that_its_process_prints(tmp_path: Path) -> None:
    """Python warns of modules that run although they are imported."""
    (tmp_path / "job").mkdir()

    assert run(tmp_path, "-m", "csvswarm.driver.reconcile", str(tmp_path / "job")) == "1\n"

    (line,) = (tmp_path / "errors").read_text().splitlines()
    assert line.startswith(f"{tmp_path}/job ")


def test_a_script_starts_with_its_modules_imported(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SCRIPT)

    assert run(tmp_path, "shown.py", "--one", "two words") == "3\n"
    assert (tmp_path / "errors").read_text() == "an error\n"
    found = json.loads((tmp_path / "answer").read_text())
    assert (found["arguments"], found["folder"]) == (["shown.py", "--one", "two words"], str(tmp_path))
    assert (found["variable"], found["score"]) == ("yes", 1000)
    assert {"csvswarm.split.run", "csvswarm.collect.run", "csvswarm.driver.reconcile"} <= {*found["imported"]}
    assert not any(name.startswith("docker") for name in found["imported"]), "the client of the engine"
