"""For any input, the kernel stays within its buffers and has no undefined behaviour."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from csvswarm.native.build import compile_library, compiler
from csvswarm.native.library import FLAGS

from tests.support.jobs import ROOT
from tests.unit.native.exact import SANITIZERS, environment

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")


def test_the_sources_compile_without_a_warning(tmp_path: Path) -> None:
    assert compile_library(compiler(), tmp_path / "kernel.so", (*FLAGS, *WARNINGS)) == ""


@pytest.mark.parametrize("vectors", ["AVX2", "SSE2 or NEON", "none"])
def test_random_bytes(tmp_path: Path, vectors: str) -> None:
    library = tmp_path / "kernel.so"
    flags = (*FLAGS, *SANITIZERS, *(["-DCSVSWARM_PLAIN"] if vectors == "none" else []))
    if compile_library(compiler(), library, flags):
        pytest.skip("this compiler has no sanitizers")
    preloaded = environment()
    if preloaded is None:
        pytest.skip("this compiler has no sanitizer that can be preloaded")
    command = [sys.executable, str(Path(__file__).with_name("sanitizer_driver.py")), str(library), "1", "3000", vectors]
    done = subprocess.run(command, env=preloaded, capture_output=True, text=True, check=False)
    assert done.stdout == "clean\n", done.stderr[-4000:]


def test_whole_inputs() -> None:
    """`make fuzz-native` runs this for an hour."""
    if environment() is None:
        pytest.skip("this compiler has no sanitizer that can be preloaded")
    command = [sys.executable, "-m", "tests.fuzz.paths", "--sanitize", "--cases", "60", "--seed", "7"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Done 60 runs"), (done.stdout + done.stderr)[-4000:]
