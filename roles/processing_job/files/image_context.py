"""Put together what the image of a job is built from, run as: python3 image_context.py ROOT CONTEXT MACHINE PYTHON.

ROOT is the clone, CONTEXT the directory to make, MACHINE the architecture as pip calls it (x86_64, aarch64), PYTHON the
version in the image. The wheels are fetched by pip, for that machine whatever this one is, and checked by their hashes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

#: Wheels built for older systems run on newer ones, but pip has to be told each of them.
SYSTEMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")


def fetch_wheels(requirements: Path, wheels: Path, machine: str, python: str) -> None:
    """Fetch the wheels that are not there yet. Ends the program with pip's own words when it cannot."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", f"--python-version={python}", "--implementation=cp"]
    command += [f"--abi=cp{python.replace('.', '')}", *(f"--platform={system}_{machine}" for system in SYSTEMS)]
    command += [f"--dest={wheels}", f"--requirement={requirements}"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\nThe packages of the image could not be fetched: does this machine reach its index?")


def main(root: Path, context: Path, machine: str, python: str) -> None:
    """Make the context."""
    shutil.rmtree(context, ignore_errors=True)
    wheels = context / "wheels"
    wheels.mkdir(parents=True)
    fetch_wheels(root / "requirements/image.txt", wheels, machine, python)
    for path in (root / "files/docker").iterdir():
        if path.is_file():
            shutil.copy(path, context)
    only_sources = shutil.ignore_patterns("__pycache__", "*.md")
    shutil.copytree(root / "files/processors", context / "processors", ignore=only_sources)
    shutil.copytree(root / "scripts", context / "scripts", ignore=only_sources)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
