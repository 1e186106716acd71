"""The archive of an image on the control node: made once, taken by who needs it next."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processing_job.plugin_loader import ROLE

KEPT = "csvswarm-job-0123-x86_64.tar.gz"
CONTENT = bytes(range(256)) * 16
TOLD = json.dumps({"sha256": hashlib.sha256(CONTENT).hexdigest(), "layers": "[] amd64"})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the archive of an image."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / KEPT).write_bytes(CONTENT)
    (cache / f"{KEPT}.json").write_text(TOLD)
    return cache


def have(cache: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Ask for an image on a machine without an engine, from a clone that has nothing to make one of."""
    (cache.parent / "requirements").mkdir(exist_ok=True)
    (cache.parent / "requirements/image.txt").write_text("nothing @ file:///nowhere/nothing-1-py3-none-any.whl\n")
    script = ROLE / "files/build_image_locally.py"
    command: list[str | Path] = [
        sys.executable,
        script,
        f"csvswarm-job:{tag}",
        "debian:13",
        cache.parent,
        cache / "job",
        "x86_64",
        "3.13",
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": "/nowhere"})


def test_what_is_kept_is_taken(cache: Path) -> None:
    (cache / "job").mkdir()
    (cache / "job/left").write_text("of an earlier run")

    done = have(cache, "0123")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{TOLD}\n", "")
    assert [path.name for path in (cache / "job").iterdir()] == ["image.tar.gz"]
    assert (cache / "job/image.tar.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("harm", ["cut off", "changed", "told of no more", "another image's"])
def test_what_is_not_as_it_was_is_made_anew(cache: Path, harm: str) -> None:
    if harm == "cut off":
        (cache / KEPT).write_bytes(CONTENT[:-20])
    elif harm == "changed":
        (cache / KEPT).write_bytes(CONTENT[::-1])
    elif harm == "told of no more":
        (cache / f"{KEPT}.json").write_text(TOLD[:20])

    done = have(cache, "4567" if harm == "another image's" else "0123")

    assert done.returncode == 1
    assert done.stderr.endswith("The packages of the image could not be fetched: does this machine reach its index?\n")
    assert done.stdout == ""
