"""Prepare the share for a csvswarm job, and report in the same round trip what is already there."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_files import acting_as
from ansible.module_utils.processing_job_many_files import FilesError, find_files
from ansible.module_utils.processing_job_share import (
    SENTINEL,
    ShareError,
    of_job,
    of_root,
    received,
    sender,
    status,
    write_file,
)
from ansible.module_utils.processing_job_status import read_status

DOCUMENTATION = """
module: processing_job_share
short_description: Prepare the share for a csvswarm job
description:
  - Runs on the server of the share, as root. Creates the folders of the job and of the user who sends files, writes the
    job's request and the user's processor, and reports which input and images exist.
  - With C(--check) it creates and writes nothing, and reports the same.
options:
  share:
    description: The share's folder.
    type: str
    required: true
  owner:
    description: User and group id of the jobs.
    type: int
    required: true
  job:
    description: The job's id.
    type: str
    required: true
  state:
    description: The folder outside the share where root records the files that it took over.
    type: str
    required: true
  inputs:
    description: Files, folders and patterns of an input that is on the share.
    type: list
    elements: str
    default: []
  digests:
    description: SHA-256 of the files of an input that is sent.
    type: list
    elements: str
    default: []
  files:
    description: SHA-256 of the side files that are uploaded.
    type: list
    elements: str
    default: []
  images:
    description: Names of the image's archives by architecture.
    type: dict
    default: {}
  request:
    description: The user's request, as JSON. Nothing is written without it.
    type: str
  processor:
    description: The text of the user's processor, stored under its SHA-256.
    type: str
  processor_digest:
    description: SHA-256 of the processor.
    type: str
  running:
    description: Whether the job runs. Then none of its files are removed.
    type: bool
    default: false
author: csvswarm
"""
EXAMPLES = """
- name: Prepare the share
  processing_job_share:
    share: /srv/csvswarm
    owner: 8765
    job: demo
    state: /var/lib/csvswarm
    digests: [0123abcd]
"""
RETURN = """
exchange:
  description: The folder that files are sent to.
  returned: success
  type: str
resumed:
  description: Whether the job already has a folder.
  returned: success
  type: bool
present:
  description: The digests of files that were sent before.
  returned: success
  type: list
files_present:
  description: Those of O(files) that were uploaded before.
  returned: success
  type: list
inputs:
  description: The files of an input on the share, path and bytes of each, in the order of their names.
  returned: success
  type: list
missing:
  description: Why the files are missing; empty if they are not.
  returned: success
  type: str
images:
  description: By architecture, the expected archive (sha256, layers and id), for existing archives.
  returned: success
  type: dict
status:
  description: The last status of the job's driver, empty if there is none.
  returned: success
  type: dict
"""

#: Maximum number of files: each is a mount of every container.
MAX_FILES = 1000
#: Start of the names of archives that a board builds in the folder of a job.
BUILT = ".csvswarm-job-"


def make_folder(name: str, parent: int, owner: int, group: int, *, check: bool = False) -> bool:
    """Create a folder that only one user may access. Returns whether it existed."""
    was_there = status(name, parent) is not None
    if check:
        return was_there
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    with of_job(name, parent, owner) as handle:
        os.fchown(handle, owner, group)
        os.fchmod(handle, 0o700)
    return was_there


def discard_built(job: str, jobs: int, owner: int) -> None:
    """Remove an image that a board built and that was not taken over: the scripts refuse folders with such files."""
    with of_job(job, jobs, owner) as folder, acting_as(owner), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(BUILT):
                with suppress(OSError):
                    os.unlink(entry.name, dir_fd=folder)


def make_folders(root: int, params: dict[str, Any], *, check: bool) -> bool:
    """Create the folders of the job and of the user who sends files. Returns whether the job had one."""
    job, owner = params["job"], params["owner"]
    user, user_id, group_id = sender()
    with of_root("jobs", root) as jobs, of_root("results", root) as results:
        resumed = make_folder(job, jobs, owner, owner, check=check)
        if not check and not params["running"]:
            discard_built(job, jobs, owner)
            make_folder(job, results, owner, owner)
    with of_root("exchange", root) as exchange:
        make_folder(user, exchange, user_id, group_id, check=check)
    return resumed


def write_texts(root: int, params: dict[str, Any]) -> None:
    """Write the request, inaccessible to the job's containers, and the user's processor."""
    with of_root("processors", root) as processors:
        digest = params["processor_digest"]
        if digest and status(f"{digest}.py", processors) is None:
            text = params["processor"].encode(errors="surrogateescape")
            write_file(f"{digest}.py", processors, text, params["owner"], 0o440)
    with of_root("requests", root) as requests:
        write_file(f"{params['job']}.json", requests, params["request"].encode(), 0, 0o600)


def prepare(params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Prepare the share and return the module's answer. Raises ShareError."""
    share, owner, job = params["share"], params["owner"], params["job"]
    with of_root(share) as root:
        if status(SENTINEL, root) is None:
            raise ShareError(f"{share} is not the share of a cluster: run site.yml")
        for name in ("requests", "processors"):
            with of_root(name, root):
                pass
        resumed = make_folders(root, params, check=check)
        if params["request"] is not None and not check:
            write_texts(root, params)
        with of_root("images", root) as images:
            known = {kind: received(params["state"], images, name, "images") for kind, name in params["images"].items()}
        with of_root("inputs", root) as inputs:
            wanted = dict.fromkeys([*params["digests"], *params["files"]])
            present = [one for one in wanted if received(params["state"], inputs, one, "inputs") is not None]
        with of_root("results", root) as results:
            last = read_status(job, results, owner) or {}
    files, missing = files_of(params["inputs"], owner)
    return {
        "exchange": f"{share}/exchange/{sender()[0]}",
        "resumed": resumed,
        "present": [digest for digest in present if digest in params["digests"]],
        "files_present": [digest for digest in params["files"] if digest in present],
        "inputs": files,
        "missing": missing,
        "images": {kind: record for kind, record in known.items() if record},
        "status": last,
    }


def files_of(given: list[str], owner: int) -> tuple[list[dict[str, Any]], str]:
    """Return (path and bytes of each file of an input on the share, why there are none), as seen by the jobs' owner."""
    if not given:
        return [], ""
    try:
        with acting_as(owner):
            paths = find_files([Path(path) for path in given])
    except FilesError as error:
        return [], str(error)
    except PermissionError as error:
        raise ShareError(
            f"input: user id {owner} may not read {error.filename}: jobs run as that user, so give it the file"
        ) from None
    if len(paths) > MAX_FILES:
        raise ShareError(f"input: a job on boards may have {MAX_FILES} files, not {len(paths)}: concatenate some")
    files = []
    for path in paths:
        size = size_of(str(path), owner)
        if size is None:
            return [], f"{path} does not exist."
        files.append({"path": str(path), "bytes": size})
    return files, ""


def size_of(path: str, owner: int) -> int | None:
    """Return the size of an input on the share, as seen by the jobs' owner; None if it does not exist."""
    with acting_as(owner):
        try:
            found = Path(path).stat()
            readable = os.access(path, os.R_OK, effective_ids=True)
        except PermissionError:
            found, readable = None, False
        except OSError:
            return None
    if not readable:
        raise ShareError(f"input: user id {owner} may not read {path}: jobs run as that user, so give it the file")
    return found.st_size if found and stat.S_ISREG(found.st_mode) else None


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "share": {"type": "str", "required": True},
            "owner": {"type": "int", "required": True},
            "job": {"type": "str", "required": True},
            "state": {"type": "str", "required": True},
            "inputs": {"type": "list", "elements": "str", "default": []},
            "digests": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "str", "default": []},
            "images": {"type": "dict", "default": {}},
            "request": {"type": "str"},
            "processor": {"type": "str"},
            "processor_digest": {"type": "str"},
            "running": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    answer: dict[str, Any] = {}
    try:
        answer = prepare(module.params, check=module.check_mode)
    except (ShareError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=not answer["resumed"], **answer)


if __name__ == "__main__":
    main()
