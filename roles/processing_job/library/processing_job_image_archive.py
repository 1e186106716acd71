"""Build the image of a csvswarm job on a board, and copy its archive to the share."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_image_archive import (
    BuildError,
    build,
    copy_as,
    describe_archive,
    pack,
    require_base,
)

DOCUMENTATION = """
module: processing_job_image_archive
short_description: Build the image of a csvswarm job on a board
description:
  - Builds the image from a build context, packs it, and copies the archive to a folder of the jobs' owner on the share.
  - Without O(context) it only makes sure that the board has the base image, or can pull it.
  - With C(--check) it changes nothing.
options:
  name:
    description: The image's name.
    type: str
    required: true
  base:
    description: The image that it is built from.
    type: str
    required: true
  context:
    description: The build context, a tar on the board.
    type: path
  target:
    description: Where to copy the archive.
    type: path
  owner:
    description: User id of the owner of the jobs.
    type: int
  lock:
    description: A file that runs on this board lock, one at a time.
    type: str
    default: /run/csvswarm-image.lock
author: csvswarm
"""
EXAMPLES = """
- name: Build the image
  processing_job_image_archive:
    name: csvswarm-job:0123
    base: debian:trixie-slim
    context: /root/.csvswarm-image-demo.tar
    target: /srv/csvswarm/jobs/demo/.csvswarm-job-0123-amd64.tar.gz
    owner: 8765
"""
RETURN = """
image:
  description: The archive's size and sha256, the image's layers and id.
  returned: when a context is given
  type: dict
"""


def make(params: dict[str, Any]) -> dict[str, Any]:
    """Build the image and copy its archive. Returns the archive's description. Raises BuildError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(params["lock"], flags, 0o600), "rb") as lock:
        # Runs that need the same image build one at a time: the second finds every layer in the cache.
        fcntl.flock(lock, fcntl.LOCK_EX)
        build(params["name"], params["base"], Path(params["context"]))
        # Beside the context, in root's own folder: anyone may put a link into /var/tmp.
        staging = Path(tempfile.mkdtemp(dir=Path(params["context"]).parent, prefix=".csvswarm-image-"))
        try:
            archive = staging / "image.tar.gz"
            pack(params["name"], archive)
            found: dict[str, Any] = describe_archive(archive)
            try:
                copy_as(int(params["owner"]), archive, Path(params["target"]))
            except OSError as error:
                raise BuildError(f"the image cannot be copied to the share: {error}") from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return found


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "base": {"type": "str", "required": True},
            "context": {"type": "path"},
            "target": {"type": "path"},
            "owner": {"type": "int"},
            "lock": {"type": "str", "default": "/run/csvswarm-image.lock"},
        },
        required_together=[("context", "target", "owner")],
        supports_check_mode=True,
    )
    image: dict[str, Any] = {}
    try:
        if not module.check_mode:
            require_base(module.params["base"])
            image = make(module.params) if module.params["context"] else {}
    except (BuildError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(module.params["context"]), image=image)


if __name__ == "__main__":
    main()
