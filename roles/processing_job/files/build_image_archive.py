"""Build an image and pack it, run as: python3 build_image_archive.py NAME BASE CONTEXT ARCHIVE LOCK [COPY OWNER].

CONTEXT is a directory, or a tar of one. ARCHIVE is written: the output of docker save for the image NAME, compressed.
COPY is written as well where it is given, with the rights of the user id OWNER: a file on the share. Prints the
archive's size, sha256 and layers, as JSON. Layers: what `docker image inspect --format
'{{json .RootFS.Layers}} {{.Architecture}}'` must answer on every board that has loaded it.

Runs that need the same image may begin at the same time. They build one after the other, by a lock on the file LOCK:
the second finds every layer made. And the layers are those of the archive, not of what has the name by then.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import shutil
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
    """Return the archive's size, sha256 and layers, as JSON."""
    return json.dumps({"size": archive.stat().st_size, "sha256": digest(archive), "layers": layers(archive)})


def copy_as(owner: int, archive: Path, target: Path) -> None:
    """Copy a file with the rights of a user, over whatever has the target's name. Follows no link there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    groups, group = os.getgroups(), os.getegid()
    with archive.open("rb") as source:
        os.setgroups([])
        os.setegid(owner)
        os.seteuid(owner)
        try:
            target.unlink(missing_ok=True)
            with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
                shutil.copyfileobj(source, file, PIECE)
                file.flush()
                os.fsync(file.fileno())
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)


def main(name: str, base: str, context: Path, archive: Path, lock: Path, *copy: str) -> None:
    """Make the archive. copy: where to copy it to, and as which user."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        build(name, base, context)
        pack(name, archive)
    told = told_of(archive)
    if copy:
        try:
            copy_as(int(copy[1]), archive, Path(copy[0]))
        except OSError as error:
            sys.exit(f"the image cannot be copied to the share: {error}")
    print(told)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]), *sys.argv[6:])
