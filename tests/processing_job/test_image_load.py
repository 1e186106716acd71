"""A board has the image of a job: what is compared before and after Docker reads the archive."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processing_job.acting import checksum
from tests.processing_job.plugin_loader import ROLE, load

load_image = load(ROLE / "files/image_load.py")
CONTENT = b"what docker save says" * 100
KIND = load_image.KINDS.get(platform.machine(), platform.machine())
LAYERS = f'["sha256:{"a" * 64}"] {KIND}'
NAME = f"csvswarm-job-0123-{KIND}.tar.gz"
#: Stands for the engine: it writes down what it is given to load, and answers with the layers in a file.
DOCKER = """#!/bin/sh
case "$1" in
    load) cat >"$PLACE/loaded"; cp "$PLACE/makes" "$PLACE/layers" ;;
    image) cat "$PLACE/layers" ;;
    info) echo node ;;
esac
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A board whose engine makes the right image of what it is given."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / NAME).write_bytes(CONTENT)
    (tmp_path / "makes").write_text(f"{LAYERS}\n")
    return tmp_path


def have(board: Path, kind: str = KIND) -> subprocess.CompletedProcess[str]:
    expected = {kind: {"name": NAME, "sha256": checksum(CONTENT), "layers": LAYERS}}
    script = (ROLE / "files/image_load.py").read_text().replace("/run/csvswarm-image.lock", str(board / "lock"))
    return subprocess.run(
        [sys.executable, "-", "csvswarm-job:0123", str(board / "images"), json.dumps(expected)],
        input=script,
        env={"PATH": f"{board}:{os.environ['PATH']}", "PLACE": str(board)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_image_is_loaded_once(board: Path) -> None:
    assert (have(board).stdout, (board / "loaded").read_bytes()) == ("loaded\nnode\n", CONTENT)
    (board / "loaded").unlink()

    done = have(board)

    assert (done.returncode, done.stdout) == (0, "node\n")
    assert not (board / "loaded").exists()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("other bytes", "holds another image: remove that file"),
        ("cut off", "holds another image: remove that file"),
        ("missing", "is the share mounted?"),
        ("link", "is the share mounted?"),
        ("pipe", "is no regular file: remove it"),
        ("folder", "is no regular file: remove it"),
    ],
)
def test_docker_reads_nothing_but_the_archive_that_was_sent(board: Path, harm: str, told: str) -> None:
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

    done = have(board)

    assert (done.returncode, done.stdout) == (1, "")
    assert str(archive) in done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (board / "loaded").exists()


def test_another_image_in_the_archive(board: Path) -> None:
    (board / "makes").write_text("[] amd64\n")

    done = have(board)

    assert done.returncode == 1
    assert done.stderr.endswith(f"{NAME} holds another image: remove that file\n")


def test_no_image_for_a_board(board: Path) -> None:
    done = have(board, "riscv64")

    assert (done.returncode, done.stderr) == (1, f"there is no image for {KIND} on the share: run the job again\n")
