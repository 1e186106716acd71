"""The archive of an image on the control node: built once, then reused."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.plugin_loader import run_module

KEPT = "csvswarm-job-0123-x86_64.tar.gz"
CONTENT = bytes(range(256)) * 16
FOUND = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "layers": "[] amd64", "id": "sha256:4567", "size": len(CONTENT)}
TOLD = json.dumps(FOUND)
#: Stands for an engine that has the base image and nothing else.
DOCKER = "#!/bin/sh\n[ \"$1 $2\" = 'image inspect' ]\n"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the archive of an image."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / KEPT).write_bytes(CONTENT)
    (cache / f"{KEPT}.json").write_text(TOLD)
    return cache


def build(cache: Path, tag: str, *, base: bool = True, check: bool = False) -> dict[str, Any]:
    """Request an image in a clone without the files to build one. base: whether the engine has the base image."""
    (cache.parent / "requirements").mkdir(exist_ok=True)
    (cache.parent / "requirements/image.txt").write_text("nothing @ file:///nowhere/nothing-1-py3-none-any.whl\n")
    (cache.parent / "bin").mkdir(exist_ok=True)
    docker = cache.parent / "bin/docker"
    docker.write_text(DOCKER if base else "#!/bin/sh\necho nobody has it >&2\nexit 1\n")
    docker.chmod(0o755)
    parameters = {
        "name": f"csvswarm-job:{tag}",
        "base": "debian:13",
        "root": str(cache.parent),
        "context": str(cache / "job"),
        "machine": "x86_64",
        "python": "3.13",
    }
    return run_module(
        "processing_job_image_build",
        parameters,
        check=check,
        environment={"PATH": f"{docker.parent}:{os.environ['PATH']}"},
    )


def test_cached_image_is_reused(cache: Path) -> None:
    (cache / "job").mkdir()
    (cache / "job/left").write_text("of an earlier run")

    assert not build(cache, "0123", check=True)["changed"]
    assert (cache / "job/left").exists()
    assert build(cache, "0123")["image"] == FOUND

    assert [path.name for path in (cache / "job").iterdir()] == ["image.tar.gz"]
    assert (cache / "job/image.tar.gz").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "harm", ["cut off", "changed", "described no more", "of an earlier release", "another image's"]
)
def test_modified_cached_image_is_rebuilt(cache: Path, harm: str) -> None:
    if harm == "cut off":
        (cache / KEPT).write_bytes(CONTENT[:-20])
    elif harm == "changed":
        (cache / KEPT).write_bytes(CONTENT[::-1])
    elif harm == "described no more":
        (cache / f"{KEPT}.json").write_text(TOLD[:20])
    elif harm == "of an earlier release":
        (cache / f"{KEPT}.json").write_text(json.dumps({"sha256": FOUND["sha256"], "layers": "[] amd64"}))

    answer = build(cache, "4567" if harm == "another image's" else "0123")

    assert answer["msg"].endswith("The packages of the image could not be fetched: does this machine reach its index?")
    assert not (cache / "job").exists()


def test_missing_base_image_is_reported_before_any_download(cache: Path) -> None:
    answer = build(cache, "4567", base=False)

    assert answer["msg"] == "nobody has it"
    assert not (cache / "job").exists()
