"""Builds the image of a job, and packs it into an archive that boards can load."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from ansible.module_utils.processing_job_files import acting_as

PIECE = 1 << 20
#: The texts in an archive are small; the other members are layers.
LARGEST_TEXT = 1 << 20


class BuildError(Exception):
    """A message for the user: why there is no image."""


def require_base(base: str) -> None:
    """Make sure that the engine has the base image, or pull it. Raises BuildError.

    Called before the packages of the image are fetched, which takes much longer than detecting a missing base.
    """
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", base]
    if subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return
    done = subprocess.run(["docker", "pull", "--quiet", base], check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(_last(done.stderr) or f"docker pull {base} failed")


def build(name: str, base: str, context: Path) -> None:
    """Build the image from a directory, or from a tar of one. Raises BuildError with Docker's own message."""
    command = ["docker", "build", "--quiet", "--build-arg", f"BASE={base}", "--tag", name]
    if context.is_dir():
        done = subprocess.run([*command, str(context)], check=False, capture_output=True)
    else:
        with context.open("rb") as packed:
            done = subprocess.run([*command, "-"], check=False, capture_output=True, stdin=packed)
    if done.returncode:
        raise BuildError(_last(done.stderr.decode(errors="replace")) or "docker build failed")


def pack(name: str, archive: Path) -> None:
    """Save the image to the file `archive`, compressed. Raises BuildError."""
    # The fastest level: better compression would take longer than it saves in the transfer.
    with (
        subprocess.Popen(["docker", "save", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as saving,
        gzip.GzipFile(archive, "wb", compresslevel=1, mtime=0) as file,
    ):
        while saving.stdout and (piece := saving.stdout.read(PIECE)):
            file.write(piece)
    if saving.returncode:
        raise BuildError(f"docker save {name} ended with exit code {saving.returncode}")


def describe_archive(archive: Path) -> dict[str, Any]:
    """Return the archive's size, its sha256, and the image's layers and id.

    layers: what `docker image inspect --format '{{json .RootFS.Layers}} {{.Architecture}}'` must print on every board
    that has loaded it. id: the image's id there, unless the engine has containerd's image store. Both are read from the
    archive, because the name may already belong to another image.
    """
    texts = {}
    with tarfile.open(archive, "r|gz") as members:  # in one pass: every seek backwards would reread it from its start
        for member in members:
            if member.isfile() and member.size <= LARGEST_TEXT and (file := members.extractfile(member)):
                texts[member.name] = file.read()
    (image,) = json.loads(texts["manifest.json"])
    config = json.loads(texts[image["Config"]])
    layers = json.dumps(config["rootfs"]["diff_ids"], separators=(",", ":"))
    return {
        "size": archive.stat().st_size,
        "sha256": digest(archive),
        "layers": f"{layers} {config['architecture']}",
        "id": f"sha256:{hashlib.sha256(texts[image['Config']]).hexdigest()}",
    }


def digest(archive: Path) -> str:
    """Return the checksum of a file."""
    found = hashlib.sha256()
    with archive.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def copy_as(owner: int, archive: Path, target: Path) -> None:
    """Copy a file with the rights of a user, replacing the target. Follows no link there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with archive.open("rb") as source, acting_as(owner):
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            shutil.copyfileobj(source, file, PIECE)
            file.flush()
            os.fsync(file.fileno())


def _last(text: str) -> str:
    """Return the last line that is not empty."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
