"""Build the archive of a csvswarm job's image on this machine."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_build_context import pack_context, prepare
from ansible.module_utils.processing_job_image_archive import (
    BuildError,
    build,
    describe_archive,
    digest,
    pack,
    require_base,
)

DOCUMENTATION = """
module: processing_job_image_build
short_description: Build the archive of a csvswarm job's image on this machine
description:
  - Creates O(context) with only image.tar.gz in it, the compressed output of docker save.
  - Of several runs that need the same image, the first builds it, and the others wait and use its archive. The newest
    archive of each architecture stays beside O(context), for another share that has none.
  - With C(--check) it reports only whether the image would be built.
options:
  name:
    description: The image's name.
    type: str
    required: true
  base:
    description: The image that it is built from.
    type: str
    required: true
  root:
    description: The clone.
    type: path
    required: true
  context:
    description: The directory to create.
    type: path
    required: true
  machine:
    description: The architecture as pip names it, like C(x86_64).
    type: str
    required: true
  python:
    description: The version of Python in the image, like C(3.13).
    type: str
    required: true
  packages:
    description: The lock of the user's packages for that architecture.
    type: path
  archive:
    description: Whether to build the image here. Otherwise only image.tar is created, its build context for a board.
    type: bool
    default: true
author: csvswarm
"""
EXAMPLES = """
- name: Build the image
  processing_job_image_build:
    name: csvswarm-job:0123
    base: debian:trixie-slim
    root: /home/me/csvswarm
    context: /home/me/csvswarm/.cache/image-demo-amd64
    machine: x86_64
    python: "3.13"
"""
RETURN = """
image:
  description: The archive's size and sha256, the image's layers and id; empty without O(archive).
  returned: success
  type: dict
"""


def cached_metadata(kept: Path) -> dict[str, Any] | None:
    """Return the stored description of an archive; None if the archive is missing or has changed."""
    try:
        found = json.loads(Path(f"{kept}.json").read_text())
        return found if "id" in found and digest(kept) == found["sha256"] else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def lock_of(params: dict[str, Any]) -> Path | None:
    """Return the lock of the user's packages, if there are any."""
    return Path(params["packages"]) if params["packages"] else None


def make(params: dict[str, Any], context: Path) -> tuple[Path, list[str]]:
    """Create the archive in the context, and return it with warnings. Raises BuildError."""
    require_base(params["base"])
    warnings = prepare(Path(params["root"]), context, params["machine"], params["python"], lock_of(params))
    build(params["name"], params["base"], context)
    archive = context / "image.tar.gz"
    pack(params["name"], archive)
    return archive, warnings


def keep(archive: Path, found: dict[str, Any], kept: Path, others: str) -> None:
    """Store the archive in the cache, in place of older ones. A run that still sends one has its own link."""
    for old in kept.parent.glob(others):
        old.unlink()
    kept.hardlink_to(archive)
    Path(f"{kept}.json").write_text(json.dumps(found))


def ensure(params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Create the archive, or reuse the cached one. Returns the module's answer. Raises BuildError."""
    context = Path(params["context"])
    cache = context.parent
    repository, tag = params["name"].split(":")
    kept = cache / f"{repository}-{tag}-{params['machine']}.tar.gz"
    cache.mkdir(parents=True, exist_ok=True)
    warnings: list[str] = []
    with (cache / ".image.lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        found = cached_metadata(kept)
        if check:
            return {"image": found or {}, "changed": found is None, "warned": []}
        if found is None:
            archive, warnings = make(params, context)
            found = describe_archive(archive)
            keep(archive, found, kept, f"{repository}-*-{params['machine']}.tar.gz*")
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        (context / "image.tar.gz").hardlink_to(kept)
    return {"image": found, "changed": True, "warned": warnings}


def context_only(params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Create the build context for a board, as a tar beside it. Returns the module's answer. Raises BuildError."""
    context = Path(params["context"])
    warnings: list[str] = []
    if not check:
        warnings = prepare(Path(params["root"]), context, params["machine"], params["python"], lock_of(params))
        pack_context(context)
    return {"image": {}, "changed": True, "warned": warnings}


def main() -> None:
    """Run as Ansible runs a module."""
    text, path = {"type": "str", "required": True}, {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(("name", "base", "machine", "python"), text),
            **dict.fromkeys(("root", "context"), path),
            "packages": {"type": "path"},
            "archive": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    answer: dict[str, Any] = {}
    try:
        work = ensure if module.params["archive"] else context_only
        answer = work(module.params, check=module.check_mode)
    except (BuildError, OSError) as error:
        shutil.rmtree(module.params["context"], ignore_errors=True)
        module.fail_json(msg=str(error))
    for warning in answer.pop("warned"):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
