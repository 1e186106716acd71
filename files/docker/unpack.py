"""Unpack and compile the wheels of an image, run as: python3 unpack.py WHEELS PACKAGES [--whole].

Files that no job needs are left out, because the image is sent to every board: the packages' own tests, headers and
static libraries, and Arrow's network clients, since containers have no network. --whole: unpacks everything, for
packages of a user; there may be none.
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


#: Directories whose files belong beside the wheel's other files. Scripts and data are not needed for an import.
APART = re.compile(r"[^/]+\.data/(?:purelib|platlib)/(.+)")
DATA = re.compile(r"[^/]+\.data/")


def target(name: str, *, whole: bool) -> str | None:
    """Return the path to which a file of a wheel is unpacked, None for one that is left out."""
    if apart := APART.fullmatch(name):
        name = apart[1]
    if DATA.match(name) or not (whole or LEFT_OUT.search(name) is None):
        return None
    return name


def unpack(wheels: Path, packages: Path, *, whole: bool = False) -> None:
    """Unpack all wheels of a directory into another, and compile their contents."""
    found = sorted(wheels.glob("*.whl"))
    if whole:
        packages.mkdir()
    elif not found:
        sys.exit(f"unpack: there are no wheels in {wheels}")
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for wheel in found:
        python, abi = wheel.stem.split("-")[-3:-1]
        if python.startswith("cp") and python != version and abi != "abi3":
            sys.exit(
                f"unpack: {wheel.name} is not for this image's Python ({sys.version.split()[0]}): name a base with the "
                "Python that the wheels are for, or none."
            )
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if (name := target(member.filename, whole=whole)) is not None:
                    member.filename = name
                    archive.extract(member, packages)
    compileall.compile_dir(
        packages, quiet=1, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]), whole=sys.argv[3:] == ["--whole"])
