"""What is read from the archive of an image, as docker save writes it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from pathlib import Path

import pytest

from tests.processing_job.plugin_loader import shared

archive = shared("image_archive")

LAYERS = ["sha256:" + "a" * 64, "sha256:" + "b" * 64]
CONFIG = json.dumps({"architecture": "arm64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": LAYERS}})


def write(path: Path, members: dict[str, str | int]) -> None:
    """Write an archive: texts, and layers of so many bytes."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            data = bytes(content) if isinstance(content, int) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("config", ["0123.json", "blobs/sha256/0123"])
@pytest.mark.parametrize("manifest_first", [True, False])
def test_layers_are_formatted_like_docker_inspect(tmp_path: Path, config: str, manifest_first: bool) -> None:
    manifest = json.dumps([{"Config": config, "RepoTags": ["csvswarm-job:1"], "Layers": ["one/layer.tar"]}])
    texts: list[tuple[str, str | int]] = [("manifest.json", manifest), (config, CONFIG)]
    write(tmp_path / "image.tar.gz", dict([*texts[:: 1 if manifest_first else -1], ("one/layer.tar", 3 << 20)]))

    found = archive.describe_archive(tmp_path / "image.tar.gz")

    assert found == {
        "layers": f'["{LAYERS[0]}","{LAYERS[1]}"] arm64',
        "id": f"sha256:{hashlib.sha256(CONFIG.encode()).hexdigest()}",
        "sha256": hashlib.sha256((tmp_path / "image.tar.gz").read_bytes()).hexdigest(),
        "size": (tmp_path / "image.tar.gz").stat().st_size,
    }


def test_truncated_archive_is_rejected(tmp_path: Path) -> None:
    write(tmp_path / "whole.tar.gz", {"manifest.json": "[]", "one/layer.tar": 3 << 20})
    (tmp_path / "part.tar.gz").write_bytes((tmp_path / "whole.tar.gz").read_bytes()[:-20])

    with pytest.raises((EOFError, tarfile.TarError)):
        archive.describe_archive(tmp_path / "part.tar.gz")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
@pytest.mark.parametrize("trap", ["nothing", "link", "pipe", "file of root's"])
def test_a_copy_has_no_more_rights_than_its_owner(trap: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        (place / "archive").write_bytes(b"image")
        (place / "canary").write_text("root's own")
        job = place / "job"
        job.mkdir(0o700)
        os.chown(job, 8765, 8765)
        target = job / ".image"
        if trap == "link":
            target.symlink_to(place / "canary")
        elif trap == "pipe":
            os.mkfifo(target)
        elif trap == "file of root's":
            target.write_text("in the way")

        archive.copy_as(8765, place / "archive", target)

        found = target.lstat()
        assert (target.read_bytes(), found.st_uid, found.st_mode & 0o7777) == (b"image", 8765, 0o600)
        assert (place / "canary").read_text() == "root's own"
        assert (os.geteuid(), os.getegid()) == (0, 0)
        # Where the owner may not write, neither may the copy.
        with pytest.raises(PermissionError):
            archive.copy_as(8765, place / "archive", place / "canary")
