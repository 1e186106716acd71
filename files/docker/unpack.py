"""Unpack and compile the wheels of an image, run as: python3 unpack.py WHEELS PACKAGES.

What no job needs at run time is left out, for the image travels to every board: the packages' own tests, headers and
static libraries, and Arrow's clients for networks, which a container does not have.
"""

from __future__ import annotations

import compileall
import py_compile
import re
import sys
import zipfile
from pathlib import Path

LEFT_OUT = re.compile(
    r"/(tests?|include)/"
    r"|\.(a|pyx|pxd|pxi|h|hpp|cc|cpp|pyi)$"
    r"|/conftest\.py$"
    r"|^pyarrow/(lib\w+_(flight|s3)\.|_(flight|s3fs)\.)"
)


def wanted(name: str) -> bool:
    """Return whether a file of a wheel is unpacked."""
    return LEFT_OUT.search(name) is None


def unpack(wheels: Path, packages: Path) -> None:
    """Unpack all wheels of a directory into another, and compile their contents."""
    found = sorted(wheels.glob("*.whl"))
    if not found:
        sys.exit(f"unpack: there are no wheels in {wheels}")
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for wheel in found:
        python = wheel.stem.split("-")[-3]
        if python.startswith("cp") and python != version:
            sys.exit(
                f"unpack: {wheel.name} is not for this image's Python ({sys.version.split()[0]}): name a base with the "
                "Python that the wheels are for, or none."
            )
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages, [name for name in archive.namelist() if wanted(name)])
    compileall.compile_dir(
        packages, quiet=1, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
