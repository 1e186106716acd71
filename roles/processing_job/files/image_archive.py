"""Build an image and pack it, run as: python3 image_archive.py NAME BASE CONTEXT ARCHIVE LOCK.

CONTEXT is a directory, or a tar of one. ARCHIVE is written: what docker save says of the image NAME, compressed. Prints
the archive's sha256 and layers, as JSON. Layers: what `docker image inspect --format
'{{json .RootFS.Layers}} {{.Architecture}}'` must answer on every board that has loaded it.

Runs that need the same image may begin at the same time. They build one after the other, by a lock on the file LOCK:
the second finds every layer made. And the layers are those of the archive, not of what has the name by then.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path

PIECE = 1 << 20
#: The texts in an archive are small; the others are layers.
LARGEST_TEXT = 1 << 20


def build(name: str, base: str, context: Path) -> None:
    """Build the image. Ends the program with Docker's exit code when it cannot; Docker has said why."""
    command = ["docker", "build", "--quiet", "--build-arg", f"BASE={base}", "--tag", name]
    if context.is_dir():
        done = subprocess.run([*command, str(context)], check=False, stdout=subprocess.DEVNULL)
    else:
        with context.open("rb") as packed:
            done = subprocess.run([*command, "-"], check=False, stdout=subprocess.DEVNULL, stdin=packed)
    if done.returncode:
        sys.exit(done.returncode)


def pack(name: str, archive: Path) -> None:
    """Save the image to the file `archive`. Ends the program with Docker's exit code when it cannot."""
    # The fastest level: boards unpack it sooner than a better one would have been sent.
    with (
        subprocess.Popen(["docker", "save", name], stdout=subprocess.PIPE) as saving,
        gzip.GzipFile(archive, "wb", compresslevel=1, mtime=0) as file,
    ):
        assert saving.stdout  # noqa: S101  # for the type checker
        while piece := saving.stdout.read(PIECE):
            file.write(piece)
    if saving.returncode:
        sys.exit(saving.returncode)


def layers(archive: Path) -> str:
    """Return the layers of the image in an archive and its architecture, as Docker would."""
    texts = {}
    with tarfile.open(archive, "r|gz") as members:  # in one pass: it is read from its start for every step back
        for member in members:
            if member.isfile() and member.size <= LARGEST_TEXT and (file := members.extractfile(member)):
                texts[member.name] = file.read()
    (image,) = json.loads(texts["manifest.json"])
    config = json.loads(texts[image["Config"]])
    return f"{json.dumps(config['rootfs']['diff_ids'], separators=(',', ':'))} {config['architecture']}"


def digest(archive: Path) -> str:
    """Return the checksum of a file."""
    found = hashlib.sha256()
    with archive.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def told_of(archive: Path) -> str:
    """Return the archive's sha256 and layers, as JSON."""
    return json.dumps({"sha256": digest(archive), "layers": layers(archive)})


def main(name: str, base: str, context: Path, archive: Path, lock: Path) -> None:
    """Make the archive."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        build(name, base, context)
        pack(name, archive)
    print(told_of(archive))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
