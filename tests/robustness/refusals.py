"""Runs on input that csvswarm refuses."""

from __future__ import annotations

from pathlib import Path

from tests.support.jobs import Scripts

GOOD = "id,name,x\n1,one,1.5\n2,two,2.5\n3,three,3.5\n"


def written(scripts: Scripts, data: bytes | str, name: str = "data.csv") -> Path:
    path = scripts.directory / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def refused(scripts: Scripts, source: Path, *arguments: str) -> str:
    """The line with which the split refuses an input. Nothing is left behind, and there is nothing to resume."""
    line = scripts.split(source, *arguments).line
    assert not (scripts.job / "manifest.json").exists()
    assert scripts.shows_no_result()
    return line


def fails(scripts: Scripts, source: Path, *arguments: str) -> str:
    """The line with which a job ends whose input can be split, but not processed."""
    assert scripts.split(source, *arguments).code == 0
    line = scripts.process().line
    assert scripts.shows_no_result()
    return line
