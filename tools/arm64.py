"""Prepare an arm64 Python with the locked packages, to be run by QEMU, and print the path of its interpreter.

    python tools/arm64.py

Debian's Python comes from apt's mirrors (mmdebstrap unpacks it without running anything), the packages of a job's image
from requirements/image.txt. The result is stored in .cache/arm64, and rebuilt when the locks or this file change.
Missing QEMU, cross-compiler and mmdebstrap are installed if the user is root on Debian or Ubuntu.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".cache/arm64"
#: Debian's release in the image of a job, and its Python.
SUITE, PYTHON = "trixie", "3.13"
PROGRAMS = {
    "qemu-aarch64-static": "qemu-user-static",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    "mmdebstrap": "mmdebstrap",
}
#: Packages that the tests of the native kernel need besides those of an image; none has compiled code.
TEST_PACKAGES = (
    "hypothesis", "iniconfig", "packaging", "pluggy", "pygments", "pytest", "pytest-timeout", "sortedcontainers",
)  # fmt: skip
#: A Raspberry Pi 4 has this core. QEMU's default has pointer authentication, which it emulates six times slower.
CORE = "cortex-a72"


def install_programs() -> None:
    """Install the programs that are missing, or end with a message that names them."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if not missing:
        return
    words = " ".join(missing).split()
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"arm64: missing: {' '.join(words)}. On Debian and Ubuntu: sudo apt-get install {' '.join(words)}")
    print(f"arm64: installing {' '.join(words)}", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False, stdout=sys.stderr)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *words]
    if subprocess.run(install, env=environment, check=False, stdout=subprocess.DEVNULL).returncode:
        sys.exit(f"arm64: apt-get could not install {' '.join(words)} (see above)")


def run(*command: str | Path) -> None:
    """Run a command; exit with its output if it fails."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(
            f"{done.stdout}\narm64: {command[0]} failed (see above). Do apt's mirrors and the package index answer?"
        )


def test_requirements() -> str:
    """Return the lines of requirements/dev.txt for TEST_PACKAGES, with their hashes."""
    blocks = re.split(r"\n(?=[a-z])", (ROOT / "requirements/dev.txt").read_text())
    return "\n".join(block for block in blocks if block.partition("==")[0] in TEST_PACKAGES) + "\n"


def make_python(place: Path) -> Path:
    """Unpack Debian's Python for arm64; return the program that runs it."""
    root = place / "root"
    run("mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64", "--skip=check/qemu",
        "--include=python3,libstdc++6", SUITE, root)  # fmt: skip
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")  # every program contains the loader's path
    interpreter = root / "usr/bin/python3"
    interpreter.unlink(missing_ok=True)
    emulator = f"qemu-aarch64-static -cpu {CORE} -L '{root}' -0 '{interpreter}' '{root}/usr/bin/python{PYTHON}'"
    # OpenBLAS settings for this machine's processor are wrong for another one.
    interpreter.write_text(f'#!/bin/sh\nunset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE\nexec {emulator} "$@"\n')
    interpreter.chmod(0o755)
    return interpreter


def fetch_packages(place: Path) -> None:
    """Unpack the packages of an image, as its build does, and those of the tests."""
    # Ansible ships shared code of modules under this name.
    ansible.module_utils.__path__.append(str(ROOT / "roles/processing_job/module_utils"))
    build_context = importlib.import_module("ansible.module_utils.processing_job_build_context")
    sys.path.insert(0, str(ROOT / "files/docker"))
    from unpack import target  # type: ignore[import-not-found]  # beside the Dockerfile

    wheels = place / "wheels"
    wheels.mkdir()
    build_context.fetch_wheels(ROOT / "requirements/image.txt", wheels, "aarch64", PYTHON)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(
                place / "packages", [name for name in archive.namelist() if target(name, whole=False) == name]
            )
    requirements = place / "tests.txt"
    requirements.write_text(test_requirements())
    platforms = [f"--platform={system}_aarch64" for system in build_context.SYSTEMS]
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps",
        "--require-hashes", "--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp",
        f"--abi=cp{PYTHON.replace('.', '')}", "--abi=abi3", "--abi=none", *platforms,
        f"--target={place / 'test-packages'}", f"--requirement={requirements}")  # fmt: skip
    shutil.rmtree(wheels)


def prepare() -> Path:
    """Create missing parts; return the interpreter."""
    made_of = "\0".join(
        [Path(__file__).read_text(), (ROOT / "requirements/image.txt").read_text(), test_requirements()]
    )
    digest = hashlib.sha256(f"{made_of}\0{PLACE}".encode()).hexdigest()
    interpreter, stamp = PLACE / "root/usr/bin/python3", PLACE / "stamp"
    if stamp.exists() and stamp.read_text() == digest:
        return interpreter
    print("arm64: fetching an arm64 Python and the packages of a job (a minute or two the first time)", file=sys.stderr)
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    make_python(PLACE)
    fetch_packages(PLACE)
    stamp.write_text(digest)
    return interpreter


def main() -> None:
    """Prepare, one process at a time per clone, and print the path of the interpreter."""
    install_programs()
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    turn = os.open(PLACE.parent, os.O_RDONLY)
    fcntl.flock(turn, fcntl.LOCK_EX)
    print(prepare())


if __name__ == "__main__":
    main()
