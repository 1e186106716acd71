"""The kernel with sanitizers instead of the usual one; every input is in memory of exactly its size.

The sanitizers' runtime must be loaded before Python: start the process with `environment`.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from csvswarm.native import library
from csvswarm.native.build import compile_library, compiler
from csvswarm.native.library import FLAGS, declare_signatures, kernel

from tests.unit.native.sanitizer_driver import Memory

SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def environment() -> dict[str, str] | None:
    """Return the environment of a process that can load the kernel with sanitizers; None if that is not possible."""
    if not compiler():
        return None
    runtimes = [_runtime(name) for name in ("libasan.so", "libstdc++.so")]
    if not all(Path(path).is_absolute() for path in runtimes):  # a compiler without them prints only their names
        return None
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "CSVSWARM_SANITIZED": "1",
    }


def _runtime(name: str) -> str:
    command = [*compiler(), f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def sanitized_kernel() -> Iterator[None]:
    """Build and use the kernel with sanitizers, in a process started with `environment`."""
    with tempfile.TemporaryDirectory(prefix="csvswarm-sanitized-") as name:
        directory = Path(name)
        output = compile_library(compiler(), directory / library.library_name(), (*FLAGS, *SANITIZERS))
        if output:
            raise RuntimeError(output)
        with (
            mock.patch("csvswarm.native.library.search_directories", return_value=[directory]),
            mock.patch(
                "csvswarm.native.library.declare_signatures", lambda found: ExactBuffers(declare_signatures(found))
            ),
        ):
            kernel.cache_clear()
            if kernel() is None:
                raise RuntimeError("the kernel with sanitizers cannot be loaded")
            try:
                yield
            finally:
                kernel.cache_clear()


class ExactBuffers:
    """A kernel whose inputs are copied to memory of exactly their size, so that any overrun ends the process."""

    def __init__(self, found: ctypes.CDLL) -> None:
        self._library = found

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._library, name)

        def call(*arguments: Any) -> Any:
            memory = Memory()
            try:
                return function(*(_copied(memory, given) for given in arguments))
            finally:
                memory.free()

        setattr(self, name, call)
        return call


def _copied(memory: Memory, given: Any) -> Any:
    return ctypes.cast(memory.copy(given), ctypes.c_char_p) if isinstance(given, bytes) else given
