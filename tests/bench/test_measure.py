"""Measurements, without asserting times."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from bench.measure import ROOT, Measured, run

MB = 1_000_000
GROW = "import time; data = bytearray(150_000_000); time.sleep(0.3)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def measured(code: str, memory: int = 0) -> Measured:
    """Return the measurements of Python code, taken by a small process: a command inherits the peak of its parent.

    memory: limit in bytes, 0 for none.
    """
    measure = "import json, sys; from bench.measure import run; command, memory = json.loads(sys.argv[1]); "
    measure += "print(json.dumps(vars(run([command], {}, 60, memory))))"
    command = [sys.executable, "-c", measure, json.dumps([python(code), memory])]
    return Measured(**json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout))


def test_memory_of_descendants_is_counted() -> None:
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GROW!r}])"

    done = measured(nested)

    assert done.code == 0
    assert done.peak_process > 150 * MB
    assert done.peak_tree > 150 * MB


def test_process_beyond_the_memory_limit_fails() -> None:
    done = measured(GROW)

    assert measured(GROW, 2 * done.peak_process).code == 0
    beyond = measured(GROW, 100 * MB)
    assert beyond.code == 1
    assert re.fullmatch(r"a process took 1\d\d MB, more than the limit of 100 MB", beyond.message)


def test_failed_command_stops_the_row_and_is_reported() -> None:
    done = run([python("pass"), python("raise SystemExit('no such thing')"), python("pass")], {}, 60)

    assert done.code == 1
    assert done.message == "no such thing"
    assert len(done.steps) == 2


def test_command_is_stopped_at_the_timeout() -> None:
    done = run([python("import time; time.sleep(60)")], {}, 0.2)

    assert done.code != 0
    assert "stopped after" in done.message


def test_environment_variables_are_set() -> None:
    done = run([python("import os; print(os.environ['BENCH_TEST'])")], {"BENCH_TEST": "1"}, 60)

    assert done.message == "1"


def test_leftover_children_are_killed_and_others_are_not() -> None:
    sleeps = "import time; time.sleep(60)"
    leaves = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleeps!r}], start_new_session=True)"
    with subprocess.Popen(python(sleeps)) as other:
        done = run([python(leaves)], {}, 30)

        assert done.code == 0
        assert other.poll() is None
        other.kill()
