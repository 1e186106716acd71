"""Finds and loads the kernel, once per process."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import sys
from functools import cache
from pathlib import Path

from csvswarm.runtime.cache_directory import cache_directory

PACKAGE = Path(__file__).resolve().parent
SOURCES = PACKAGE / "src"
#: No -march: the library may be copied. No -ffast-math or contraction: floats must be the same everywhere.
FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno", "-s")
#: The functions of avx2.c.
COMPILED_FOR_AVX2 = ("count", "fields", "records", "line_feeds")


def digest() -> str:
    """Return a digest of the library's sources and flags."""
    found = hashlib.sha256(repr(FLAGS).encode())
    for path in sorted([*SOURCES.glob("*.[ch]"), PACKAGE / "powers_of_ten.py"]):
        found.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def library_name(machine: str = "") -> str:
    """Return the file name of the library for a machine (x86_64, aarch64; this one).

    The compiler is not part of the name: machines without one load the library too, and results do not depend on it.
    """
    return f"kernel-{machine or platform.machine()}-{digest()}.so"


def search_directories() -> list[Path]:
    """Return the directories searched for a library; it is built in the first writable one."""
    cache = cache_directory("native")
    return [PACKAGE / "built", *([cache] if cache else [])]


@cache
def kernel() -> ctypes.CDLL | None:
    """Return the library; None if there is none, or CSVSWARM_NATIVE=0 disables it."""
    if os.environ.get("CSVSWARM_NATIVE") == "0" or sys.byteorder != "little":
        return None
    name = library_name()
    for directory in search_directories():
        try:
            return declare_signatures(ctypes.CDLL(str(directory / name)))
        except (OSError, AttributeError):
            continue
    return None


def declare_signatures(library: ctypes.CDLL, *, avx2: bool = True) -> ctypes.CDLL:
    """Declare argument and return types: p for pointer, b for bytes, i and l for integers of 32 and 64 bits.

    avx2: whether to use AVX2 where this machine has it.
    """
    kinds = {"p": ctypes.c_void_p, "b": ctypes.c_char_p, "i": ctypes.c_int32, "l": ctypes.c_int64}
    wide = COMPILED_FOR_AVX2 if avx2 and library.csvswarm_has_avx2() else ()
    for name, takes, returns in (
        ("count", "bliiiiiip", "i"),
        ("toggles", "blpliiipp", "l"),
        ("is_utf8", "bl", "i"),
        ("line_feeds", "bliip", "l"),
        ("fields", "bliiipilpppp", "i"),
        ("records", "bliilppp", "l"),
        ("kinds", "bpplibpi", "i"),
        ("integers", "bpplibpiipp", "l"),
        ("floats", "bpplibpiippp", "l"),
        ("texts", "bpplibpippp", "l"),
        ("rows", "bpliiipp", "l"),
        ("equal", "bpplibpiblp", "i"),
        ("table", "lipiibpip", "l"),
        ("write_doubles", "plpp", "l"),
        ("grow", "plpl", "i"),
        ("text_codes", "bpplibpiplpplp", "l"),
        ("number_codes", "pplplplp", "l"),
        ("levels", "plp", "i"),
        ("sums", "ppliiip", "i"),
        ("extremes", "piplippp", "i"),
    ):
        function = getattr(library, f"csvswarm_{name}_avx2" if name in wide else f"csvswarm_{name}")
        function.argtypes = [kinds[letter] for letter in takes]
        function.restype = kinds[returns]
        setattr(library, f"csvswarm_{name}", function)
    return library
