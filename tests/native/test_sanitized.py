"""No byte is read or written outside of what the kernel is given, and nothing undefined is done, whatever the bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from csvswarm.native.build import compile_library, compiler
from csvswarm.native.library import FLAGS

SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")


def test_the_sources_compile_without_a_warning(tmp_path: Path) -> None:
    assert compile_library(compiler(), tmp_path / "kernel.so", (*FLAGS, *WARNINGS)) == ""


@pytest.mark.parametrize("plain", [False, True], ids=["vectors", "plain C"])
def test_random_bytes(tmp_path: Path, plain: bool) -> None:
    library = tmp_path / "kernel.so"
    flags = (*FLAGS, *SANITIZERS, *(["-DCSVSWARM_PLAIN"] if plain else []))
    if compile_library(compiler(), library, flags):
        pytest.skip("this compiler has no sanitizers")
    runtime = subprocess.run(
        [*compiler(), "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not os.path.isabs(runtime):  # noqa: PTH117  # a compiler that has none says only the name
        pytest.skip("this compiler has no sanitizer that can be preloaded")
    command = [sys.executable, str(Path(__file__).with_name("sanitized.py")), str(library), "1", "3000"]
    environment = {**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "clean\n", done.stderr[-4000:]
