"""Load the image of a csvswarm job on a board, and verify it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import stat
import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_files import open_file

DOCUMENTATION = """
module: processing_job_image
short_description: Load and verify the image of a csvswarm job
description:
  - Swarm does not notice two boards with different images under one name. So the archive is compared with its checksum
    before Docker reads it, and the layers that Docker reports with those of the archive, the same for every engine.
  - With C(--check) it reports only whether the image would be loaded.
options:
  name:
    description: The image's name.
    type: str
    required: true
  folder:
    description: The folder on the share with the archives.
    type: str
    required: true
  archives:
    description: By architecture, the archive's name, sha256 and layers, as the server of the share recorded them.
    type: dict
    required: true
  lock:
    description: A file that runs on this board lock, one at a time.
    type: str
    default: /run/csvswarm-image.lock
author: csvswarm
"""
EXAMPLES = """
- name: Load the image
  processing_job_image:
    name: csvswarm-job:0123
    folder: /srv/csvswarm/images
    archives: {amd64: {name: csvswarm-job-0123-amd64.tar.gz, sha256: 4567, layers: '["sha256:89ab"] amd64'}}
"""
RETURN = """
node:
  description: The board's id in the swarm.
  returned: success
  type: str
id:
  description: The image's id in this board's engine.
  returned: success
  type: str
"""

#: Seconds to wait for another run that loads an image, and for Docker to load one.
LIMIT = 1800
PIECE = 1 << 20
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LAYERS = "{{json .RootFS.Layers}} {{.Architecture}}"


class ImageError(Exception):
    """A message for the user: why the board does not have the image."""


def docker_output(*words: str) -> str:
    """Return the engine's answer; empty if it does not answer."""
    return subprocess.run(["docker", *words], check=False, capture_output=True, text=True).stdout.strip()


def wait_for(lock: int) -> None:
    """Wait until no other run loads an image. Raises ImageError when that takes too long."""
    until = time.monotonic() + LIMIT
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise ImageError("another run has been loading an image for half an hour") from None
            time.sleep(1)


def load(path: str, sha256: str) -> None:
    """Load an archive that has this checksum. Raises ImageError when it has another, or cannot be loaded."""
    try:
        handle = open_file(path)
    except OSError:
        raise ImageError(f"{path} does not exist: is the share mounted?") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ImageError(f"{path} is not a regular file: remove it")
    with os.fdopen(handle, "rb") as archive:
        found = hashlib.sha256()
        while piece := archive.read(PIECE):
            found.update(piece)
        if found.hexdigest() != sha256:
            raise ImageError(f"{path} contains another image: remove that file")
        archive.seek(0)
        command = ["docker", "load", "--quiet"]
        try:
            done = subprocess.run(command, check=False, stdin=archive, capture_output=True, text=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise ImageError(f"Docker has not loaded {path} within half an hour") from None
    if done.returncode:
        raise ImageError(done.stderr.strip() or f"Docker cannot load {path}")


def present(name: str, archive: dict[str, Any]) -> bool:
    """Return whether the board's engine has the image, with the layers of the archive."""
    return docker_output("image", "inspect", "--format", LAYERS, name) == str(archive["layers"])


def ensure(params: dict[str, Any], *, check: bool) -> bool:
    """Load the image unless it is present, and verify it. Returns whether it was loaded. Raises ImageError."""
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    with os.fdopen(os.open(params["lock"], os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb") as lock:
        wait_for(lock.fileno())
        if (archive := params["archives"].get(architecture)) is None:
            raise ImageError(f"the share has no image for {architecture}: rerun the job")
        if present(params["name"], archive):
            return False
        if check:
            return True
        path = f"{params['folder']}/{archive['name']}"
        load(path, archive["sha256"])
        if not present(params["name"], archive):
            raise ImageError(f"{path} contains another image: remove that file")
    return True


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "folder": {"type": "str", "required": True},
            "archives": {"type": "dict", "required": True},
            "lock": {"type": "str", "default": "/run/csvswarm-image.lock"},
        },
        supports_check_mode=True,
    )
    changed = False
    try:
        changed = ensure(module.params, check=module.check_mode)
    except (ImageError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=changed,
        node=docker_output("info", "--format", "{{.Swarm.NodeID}}"),
        id=docker_output("image", "inspect", "--format", "{{.Id}}", module.params["name"]),
    )


if __name__ == "__main__":
    main()
