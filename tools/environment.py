"""Make or refresh a virtual environment from a hash-locked requirements file.

    python tools/environment.py .venv runtime     # requirements/runtime.txt into .venv

The environment is built for the interpreter that runs this file. Nothing happens when it is already up to date:
a stamp in the environment contains a digest of its dependencies.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
INCLUDES = {
    "runtime": ("runtime",),
    "dev": ("runtime", "dev"),
    "bench": ("bench",),
    "docs": ("docs",),
    "fuzz": ("fuzz",),
}


def digest(venv: Path, lock: Path) -> str:
    """Return a digest of the environment's dependencies: lock, interpreter, and path (its scripts contain paths)."""
    parts = (lock.read_text(), sys.version, sys.base_prefix, str(venv))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def runs(venv: Path) -> bool:
    """Return whether the environment's interpreter still starts (its base may have been removed)."""
    try:
        return subprocess.run([venv / "bin/python", "-c", ""], check=False).returncode == 0
    except OSError:
        return False


def install_ensurepip() -> None:
    """Install or report ensurepip, which Debian and Ubuntu ship in a separate package."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(
            f"Python's venv module is incomplete here: {sys.executable} has no ensurepip.\n"
            f"Install it and rerun make, on Debian and Ubuntu with: sudo apt-get install {package}"
        )
    print(f"setup: installing {package}", flush=True)
    apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=apt, check=False)
    install = ["apt-get", "install", "-y", "--no-install-recommends", package]
    done = subprocess.run(install, env=apt, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\napt-get could not install {package}. Install it by hand and rerun make.")


def build(venv: Path, name: str) -> None:
    """Update the environment to the lock `name`."""
    lock = LOCKS / f"{name}.txt"
    stamp = venv / f".{name}"
    wanted = digest(venv, lock)
    had = stamp.read_text() if stamp.exists() else None
    if had == wanted and runs(venv):
        return
    if had is not None or not runs(venv):
        # Rebuild instead of updating, so that packages removed from the lock do not stay.
        install_ensurepip()
        print(f"setup: creating {venv.name} with Python {sys.version.split()[0]}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    print(f"setup: installing requirements/{name}.txt into {venv.name} (a few minutes the first time)", flush=True)
    pip = [f"{venv}/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "-qq", "--no-input"]
    # Only wheels: a lock that needs a compiler is a mistake in the lock.
    if subprocess.run([*pip, "--only-binary=:all:", "--require-hashes", "-r", lock], check=False).returncode:
        sys.exit(f"pip could not install requirements/{lock.name} (see above). Is a package index reachable?")
    if name in ("runtime", "dev") and shutil.which("rsync") is None:
        print("setup: rsync is missing, which jobs on boards need. On Debian and Ubuntu: sudo apt-get install rsync")
    for installed in INCLUDES[name]:
        (venv / f".{installed}").write_text(digest(venv, LOCKS / f"{installed}.txt"))


def main() -> None:
    """Read the arguments and build, one process at a time per clone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("venv", type=Path, help="directory of the environment, for example .venv")
    parser.add_argument("name", choices=INCLUDES, help="which lock in requirements/ to install")
    arguments = parser.parse_args()
    venv = (ROOT / arguments.venv).absolute()
    turn = os.open(LOCKS, os.O_RDONLY)
    fcntl.flock(turn, fcntl.LOCK_EX)  # two shells may run make at the same time
    build(venv, arguments.name)


if __name__ == "__main__":
    main()
