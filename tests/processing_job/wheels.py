"""Wheels of files that contain only their name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path


def wheel(directory: Path, name: str, files: Iterable[str]) -> Path:
    """Make a wheel of Python files that contain only their name."""
    directory.mkdir(parents=True, exist_ok=True)
    package, version, *_ = name.split("-")
    path = directory / name
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.writestr(file, f"NAME = {file!r}\n")
        archive.writestr(f"{package}-{version}.dist-info/METADATA", f"Name: {package}\nVersion: {version}\n")
        archive.writestr(f"{package}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{package}-{version}.dist-info/RECORD", "")
    return path


def inside(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
