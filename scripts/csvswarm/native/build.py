"""Build the kernel with a C compiler.

    cd scripts && python3 -m csvswarm.native.build [MACHINE DIRECTORY COMMAND...]

Without arguments, builds the kernel for this machine unless it exists, with the C compiler found, in the directory from
which it is loaded. With arguments, builds it for another machine, in DIRECTORY, with the compiler COMMAND.

The library's name contains a digest of its sources and flags, so an outdated one is never loaded.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from csvswarm.native.library import FLAGS, SOURCES, library_name, search_directories
from csvswarm.native.powers_of_ten import powers_of_ten_source


def compiler() -> list[str]:
    """Return the command of a C compiler; empty if there is none."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (path := shutil.which(name)):
            return [path]
    return []


def compile_library(command: list[str], target: Path, flags: tuple[str, ...] = FLAGS) -> str:
    """Compile the kernel to the file `target`; return the compiler's output if it fails, else an empty string."""
    with tempfile.TemporaryDirectory(prefix="csvswarm-native-") as scratch:
        tens = Path(scratch) / "powers_of_ten.c"
        tens.write_text(powers_of_ten_source(), encoding="ascii")
        part = target.with_name(f".{target.name}.{os.getpid()}")
        sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
        completed = subprocess.run(
            [*command, *flags, f"-I{SOURCES}", "-o", str(part), *sources, str(tens)],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if completed.returncode:
            part.unlink(missing_ok=True)
            return completed.stdout or f"{command[0]} failed"
        part.replace(target)  # atomic: others may build at the same time
    return ""


def build() -> tuple[str, bool]:
    """Build the library unless it exists; return (a status line, whether anything changed)."""
    name = library_name()
    for directory in search_directories():
        if (directory / name).is_file():
            return f"the native kernel is built ({name})", False
    command = compiler()
    if not command:
        return "no C compiler found: everything works without the native kernel, only slower (docs/native.md)", True
    for directory in search_directories():
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if not os.access(directory, os.W_OK):
            continue
        compiler_output = compile_library(command, directory / name)
        if compiler_output:
            return (
                f"the native kernel could not be built: everything works without it, only slower\n{compiler_output}",
                True,
            )
        for old in directory.glob(f"kernel-{platform.machine()}-*.so"):
            if old.name != name:
                old.unlink(missing_ok=True)
        return f"built the native kernel ({name})", True
    return "no writable directory for the native kernel: everything works without it, only slower", True


def build_for(machine: str, directory: Path, command: list[str]) -> str:
    """Build the library for a machine in a directory; return the compiler's output if it fails."""
    directory.mkdir(parents=True, exist_ok=True)
    return compile_library(command, directory / library_name(machine))


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(build_for(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]) or None)
    status_line, is_new = build()
    if is_new:
        print(f"setup: {status_line}")
