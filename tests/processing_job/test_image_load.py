"""Loading the image of a job on a board: the comparisons before and after Docker reads the archive."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.acting import checksum
from tests.processing_job.plugin_loader import run_module

CONTENT = b"what docker save says" * 100
KIND = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
ID = f"sha256:{'c' * 64}"
LAYERS = f'["sha256:{"a" * 64}"] {KIND}'
NAME = f"csvswarm-job-0123-{KIND}.tar.gz"
#: A fake engine: records what it loads, and reports the layers in a file.
DOCKER = """#!/bin/sh
case "$1" in
    load) cat >"$PLACE/loaded"; cp "$PLACE/makes" "$PLACE/layers" ;;
    image) case "$*" in *Id*) echo sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc ;;
           *) cat "$PLACE/layers" ;; esac ;;
    info) echo node ;;
esac
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A board whose engine loads the right image."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / NAME).write_bytes(CONTENT)
    (tmp_path / "makes").write_text(f"{LAYERS}\n")
    return tmp_path


def load(board: Path, architecture: str = KIND, *, check: bool = False) -> dict[str, Any]:
    archives = {architecture: {"name": NAME, "sha256": checksum(CONTENT), "layers": LAYERS, "id": ID}}
    parameters = {
        "name": "csvswarm-job:0123",
        "folder": str(board / "images"),
        "archives": archives,
        "lock": str(board / "lock"),
    }
    environment = {"PATH": f"{board}:{os.environ['PATH']}", "PLACE": str(board)}
    return run_module("processing_job_image", parameters, check=check, environment=environment)


def test_the_image_is_loaded_once(board: Path) -> None:
    assert load(board, check=True)["changed"]
    assert not (board / "loaded").exists()

    answer = load(board)

    assert (answer["changed"], answer["node"], answer["id"]) == (True, "node", ID)
    assert (board / "loaded").read_bytes() == CONTENT
    (board / "loaded").unlink()
    reloaded = load(board)
    assert (reloaded["changed"], reloaded["node"]) == (False, "node")
    assert not (board / "loaded").exists()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("other bytes", "contains another image: remove that file"),
        ("cut off", "contains another image: remove that file"),
        ("missing", "is the share mounted?"),
        ("link", "is the share mounted?"),
        ("pipe", "is not a regular file: remove it"),
        ("folder", "is not a regular file: remove it"),
    ],
)
def test_docker_load_reads_only_the_verified_archive(board: Path, harm: str, message: str) -> None:
    archive = board / "images" / NAME
    if harm == "other bytes":
        archive.write_bytes(CONTENT[::-1])
    elif harm == "cut off":
        archive.write_bytes(CONTENT[:-1])
    else:
        archive.rename(board / "away")
        if harm == "link":
            archive.symlink_to(board / "away")
        elif harm == "pipe":
            os.mkfifo(archive)
        elif harm == "folder":
            archive.mkdir()

    answer = load(board)

    assert answer["failed"]
    assert str(archive) in answer["msg"]
    assert message in answer["msg"]
    assert "\n" not in answer["msg"]
    assert not (board / "loaded").exists()


def test_another_image_in_the_archive(board: Path) -> None:
    (board / "makes").write_text("[] amd64\n")

    assert load(board)["msg"].endswith(f"{NAME} contains another image: remove that file")


def test_no_image_for_a_board(board: Path) -> None:
    assert load(board, "riscv64")["msg"] == f"the share has no image for {KIND}: rerun the job"
