"""Prepares the build context of the job image.

pip fetches the wheels for the boards' architecture on any machine, and checks their hashes. It also fetches the
cross-compiler of the native kernel; without it the image has no kernel, and its containers are slower.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.module_utils.processing_job_image_archive import BuildError

#: Wheels for older systems run on newer ones, but pip needs the name of each system.
SYSTEMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")

#: The same for packages of a user, which may have wheels for any of these.
ALL_SYSTEMS = (*(f"manylinux_2_{minor}" for minor in range(28, 4, -1)), "manylinux2014", "manylinux2010", "manylinux1")

#: Seconds that the kernel may take to compile. It takes five; on a slow board a minute.
LIMIT = 300


def fetch_wheels(
    requirements: Path, wheels: Path, machine: str, python: str, systems: tuple[str, ...] = SYSTEMS
) -> None:
    """Fetch the wheels. Raises BuildError with pip's own message."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", f"--python-version={python}", "--implementation=cp"]
    command += [f"--abi=cp{python.replace('.', '')}", *(f"--platform={system}_{machine}" for system in systems)]
    command += [f"--dest={wheels}", f"--requirement={requirements}"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise BuildError(
            f"{done.stdout}\nThe packages of the image could not be fetched: does this machine reach its index?"
        )


def fetch_compiler(requirements: Path, cache: Path) -> tuple[Path | None, str]:
    """Return the locked compiler, fetched unless it is in the cache; None and pip's message if that fails."""
    compiler = cache / f"compiler-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    zig = compiler / "ziglang/zig"
    if not zig.is_file():
        part = compiler.with_name(f".{compiler.name}.{os.getpid()}")
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
        command += ["--require-hashes", "--only-binary=:all:", f"--target={part}", f"--requirement={requirements}"]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode or not (part / "ziglang/zig").is_file():
            shutil.rmtree(part, ignore_errors=True)
            return None, f"{done.stdout}\nThe compiler could not be fetched: the image has no native kernel."
        (part / "ziglang/zig").chmod(0o755)
        with contextlib.suppress(OSError):  # another run was faster
            part.rename(compiler)
        shutil.rmtree(part, ignore_errors=True)
    return zig, ""


def build_kernel(scripts: Path, machine: str, zig: Path) -> str:
    """Build the native kernel into the scripts of the image, for any recent Linux. Returns a warning."""
    command = [sys.executable, "-m", "csvswarm.native.build", machine, str(scripts / "csvswarm/native/built")]
    command += [str(zig), "cc", "-target", f"{machine}-linux-gnu.2.28"]
    # A separate cache: compilers that share one may deadlock (ziglang/zig#22453).
    with tempfile.TemporaryDirectory(prefix="csvswarm-compiled-") as cache:
        cache_directories = dict.fromkeys(("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"), cache)
        environment = {**os.environ, **cache_directories, "PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen(
            command,
            cwd=scripts,
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as building:
            try:
                failed = building.wait(LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(building.pid, signal.SIGKILL)  # removes the compiler as well
                failed = True
    return "The native kernel could not be built: the image has none." if failed else ""


def prepare(root: Path, context: Path, machine: str, python: str, own: Path | None = None) -> list[str]:
    """Create the context of the clone `root` in the directory `context`. Returns warnings. Raises BuildError.

    machine: the architecture as pip names it (x86_64, aarch64). python: the version in the image, like 3.13. own: the
    lock of the user's packages.
    """
    shutil.rmtree(context, ignore_errors=True)
    wheels = context / "wheels"
    wheels.mkdir(parents=True)
    (context / "own").mkdir()
    # Two at a time: most of it is unpacking and checking.
    with ThreadPoolExecutor() as both:
        fetched = both.submit(fetch_compiler, root / "requirements/kernel.txt", context.parent)
        fetch_wheels(root / "requirements/image.txt", wheels, machine, python)
        if own is not None and own.stat().st_size:
            fetch_wheels(own, context / "own", machine, python, ALL_SYSTEMS)
    for path in (root / "files/docker").iterdir():
        if path.is_file():
            shutil.copy(path, context)
    # Reports are written on the control node.
    only_sources = shutil.ignore_patterns("__pycache__", "*.md", "built", "report", "report_job.py")
    shutil.copytree(root / "files/processors", context / "processors", ignore=only_sources)
    shutil.copytree(root / "scripts", context / "scripts", ignore=only_sources)
    zig, warning = fetched.result()
    if zig is not None:
        warning = build_kernel(context / "scripts", machine, zig)
    return [warning] if warning else []


def pack_context(context: Path) -> None:
    """Write a build context as a tar beside it, for `docker build -`.

    Docker recognises a tar by its first header, which must be that of a file: Python's default, pax, begins with
    another.
    """
    with tarfile.open(f"{context}.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(context, ".")
