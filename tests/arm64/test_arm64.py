"""On arm64, as on most boards, the kernel passes its tests, and jobs have the same bytes as here.

`make arm64` runs these with an emulated Python (tools/arm64.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import ROOT, SAMPLE

PLACE = ROOT / ".cache/arm64"
PYTHON = PLACE / "root/usr/bin/python3"
KERNEL_TESTS = ROOT / "tests/unit/native"
# Sanitizers are loaded before the program, which is the emulator here.
CORPUS = sorted(path.name for path in KERNEL_TESTS.glob("test_*.py") if path.name != "test_sanitizers.py")
COMPILER = "/usr/bin/aarch64-linux-gnu-gcc"

pytestmark = pytest.mark.skipif("CSVSWARM_ARM64" not in os.environ, reason="make arm64 runs these")

JOBS = {
    "statistics": ["--processor", "statistics", "--options", '{"window": 50}'],
    "aggregate": [
        "--processor",
        "aggregate",
        "--options",
        '{"group_by": ["origin", "carrier"], "metrics": {"dep_delay": ["count", "mean", "std", "median", "max"]}}',
    ],
    "transform": [
        "--processor",
        "transform",
        "--options",
        '{"assign": {"gain": "dep_delay - arr_delay", "speed": "distance / air_time * 60"}, "where": "distance > 500"}',
    ],
}


def emulated(cache: Path) -> dict[str, str]:
    """Return the environment of the emulated Python; cache: a directory for the kernel that it builds."""
    return os.environ | {
        "PYTHONPATH": f"{PLACE}/packages:{PLACE}/test-packages",
        "PYTHONPYCACHEPREFIX": str(PLACE / "compiled"),
        "XDG_CACHE_HOME": str(cache),
        "CC": COMPILER,
    }


def run(*command: str | Path, **environment: str) -> str:
    """Run a command in scripts/; return what it prints."""
    done = subprocess.run(
        command,
        cwd=ROOT / "scripts",
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the kernel for arm64, cross-compiled."""
    place = tmp_path_factory.mktemp("cache")
    built = place / "csvswarm/native"
    run(sys.executable, "-m", "csvswarm.native.build", "aarch64", built, COMPILER)
    [library] = built.iterdir()
    assert "ARM aarch64" in run("file", library)
    return place


def test_it_is_another_machine(cache: Path) -> None:
    words = (
        "import platform; from csvswarm.native.library import kernel; print(platform.machine(), kernel() is not None)"
    )

    assert run(PYTHON, "-c", words, **emulated(cache)).split() == ["aarch64", "True"]


@pytest.mark.parametrize("name", CORPUS)
def test_the_kernel_passes_its_tests(cache: Path, name: str) -> None:
    printed = run(
        PYTHON, "-m", "pytest", f"--rootdir={ROOT}", "-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider",
        "-q", "-rs", KERNEL_TESTS / name, **emulated(cache), CI="true",
    )  # fmt: skip

    assert " passed" in printed
    assert "skipped" not in printed


def job(python: Path, folder: Path, name: str, **environment: str) -> dict[str, bytes]:
    """Run a job with the three scripts; return the bytes of its result."""
    run(python, "split_dataframe.py", "--job", folder / "job", "--input", SAMPLE, *JOBS[name], "--chunks", "3",
        **environment)  # fmt: skip
    run(python, "split_processing.py", "--job", folder / "job", "--workers", "2", **environment)
    run(python, "collect_results.py", "--job", folder / "job", "--output", folder / "result", **environment)
    return {file: (folder / "result" / file).read_bytes() for file in ("result.csv",)}


@pytest.mark.parametrize("kernel", ["1", "0"], ids=["kernel", "no kernel"])
@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_the_same_bytes(tmp_path: Path, cache: Path, name: str, kernel: str) -> None:
    here = job(Path(sys.executable), tmp_path / "here", name)

    there = job(PYTHON, tmp_path / "there", name, **emulated(cache), CSVSWARM_NATIVE=kernel)

    assert there == here
    assert here["result.csv"].count(b"\n") > 3
