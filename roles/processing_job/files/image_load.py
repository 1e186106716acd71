"""Have the image of a job on a board, run as: python3 image_load.py NAME FOLDER ARCHIVES.

NAME is the image's, FOLDER the one on the share that holds the archives. ARCHIVES is a JSON object: by architecture the
archive's name, sha256 and layers, as the server of the share wrote them down outside the share. Prints "loaded" when
the image was not there, and then the board's id in the swarm.

Swarm does not notice two boards with different images under one name. So the archive is compared with its checksum
before Docker reads it, and what Docker has made of it with its layers: the same for every engine.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import stat
import subprocess
import sys
import time
from typing import Any

LOCK = "/run/csvswarm-image.lock"
#: Seconds to wait for another run that loads an image, and for Docker to load one.
LIMIT = 1800
PIECE = 1 << 20
KINDS = {"x86_64": "amd64", "aarch64": "arm64"}
LAYERS = "{{json .RootFS.Layers}} {{.Architecture}}"
#: Neither a link nor a pipe or device can stop or mislead who opens a file so.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
#: Seconds in which an NFS client must return a delegation; the kernel itself waits for 45.
RECALL_TIMEOUT = 60


def ask(*words: str) -> str:
    """Return what the engine says; nothing when it cannot answer."""
    return subprocess.run(["docker", *words], check=False, capture_output=True, text=True).stdout.strip()


def wait_for(lock: int) -> None:
    """Wait until no other run loads an image. Ends the program when that takes too long."""
    until = time.monotonic() + LIMIT
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                sys.exit("another run has been loading an image for half an hour")
            time.sleep(1)


def open_file(name: str, at: int | None = None) -> int:
    """Open a file for reading without following a link or waiting for a pipe, and return its descriptor.

    On the server of the share, a file that an NFS client has a delegation for cannot be opened at once: the kernel
    answers EAGAIN and recalls the delegation, so the open is retried.
    """
    deadline = 0.0
    while True:
        try:
            return os.open(name, FILE, dir_fd=at)
        except BlockingIOError:
            deadline = deadline or time.monotonic() + RECALL_TIMEOUT
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def load(path: str, sha256: str) -> None:
    """Load an archive that has this checksum. Ends the program when it has another, or cannot be loaded."""
    try:
        handle = open_file(path)
    except OSError:
        sys.exit(f"there is no {path}: is the share mounted?")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        sys.exit(f"{path} is no regular file: remove it")
    with os.fdopen(handle, "rb") as archive:
        found = hashlib.sha256()
        while piece := archive.read(PIECE):
            found.update(piece)
        if found.hexdigest() != sha256:
            sys.exit(f"{path} holds another image: remove that file")
        archive.seek(0)
        command = ["docker", "load", "--quiet"]
        try:
            done = subprocess.run(command, check=False, stdin=archive, capture_output=True, text=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            sys.exit(f"Docker has not loaded {path} within half an hour")
    if done.returncode:
        sys.exit(done.stderr.strip() or f"Docker cannot load {path}")


def main(name: str, folder: str, archives: dict[str, Any]) -> None:
    """Have the image."""
    kind = KINDS.get(platform.machine(), platform.machine())
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb") as lock:
        wait_for(lock.fileno())
        if (archive := archives.get(kind)) is None:
            sys.exit(f"there is no image for {kind} on the share: run the job again")
        path = f"{folder}/{archive['name']}"
        if ask("image", "inspect", "--format", LAYERS, name) != archive["layers"]:
            load(path, archive["sha256"])
            print("loaded")
            if ask("image", "inspect", "--format", LAYERS, name) != archive["layers"]:
                sys.exit(f"{path} holds another image: remove that file")
        print(ask("info", "--format", "{{.Swarm.NodeID}}"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
