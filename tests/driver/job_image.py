"""The job image of this clone, built with the wheels of its requirements."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.jobs import ROOT

_CACHE = ROOT / ".cache/driver-tests"
_PYTHON = "3.13"
_PIP = ("download", "--no-deps", "--require-hashes", "--only-binary=:all:", f"--python-version={_PYTHON}")


class NoEngine(Exception):
    """These tests cannot run on an engine. The message gives the reason."""


def job_image() -> str:
    """Return the job image of this clone; engine and cache keep what takes long. Raises NoEngine."""
    if os.uname().machine != "x86_64" or os.getuid() != 0:
        raise NoEngine("the image of these tests is for root of an x86-64 machine")
    base = "debian:trixie"
    script = ROOT / "molecule/shared/board_image/base_image.sh"
    if subprocess.run(["sh", script, "trixie"], check=False, stdout=subprocess.DEVNULL).returncode:
        raise NoEngine(f"the engine has no {base}")
    requirements = ROOT / "requirements/image.txt"
    wheels = _CACHE / f"wheels-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    if not wheels.is_dir():
        part = wheels.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in (28, 27, 24, 17)]
        words = [
            *_PIP,
            "--implementation=cp",
            "--abi=cp313",
            *platforms,
            f"--dest={part}",
            f"--requirement={requirements}",
        ]
        subprocess.run([sys.executable, "-m", "pip", "--quiet", *words], check=True)
        part.rename(wheels)
    with tempfile.TemporaryDirectory() as directory:
        context = Path(directory)
        shutil.copytree(wheels, context / "wheels", copy_function=os.link if _same_disk(context) else shutil.copy)
        (context / "own").mkdir()  # no packages of a user
        for path in (ROOT / "files/docker").iterdir():
            shutil.copy(path, context)
        ignored = shutil.ignore_patterns("__pycache__", "*.md", "built")
        shutil.copytree(ROOT / "files/processors", context / "processors", ignore=ignored)
        shutil.copytree(ROOT / "scripts", context / "scripts", ignore=ignored)
        name = "csvswarm-driver-tests:latest"
        build = ["docker", "build", "--quiet", f"--build-arg=BASE={base}", f"--tag={name}", str(context)]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return name


def _same_disk(directory: Path) -> bool:
    return directory.stat().st_dev == _CACHE.stat().st_dev
