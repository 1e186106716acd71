"""Take over an uploaded file on the share for a csvswarm job."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_files import acting_as, open_file
from ansible.module_utils.processing_job_share import (
    NEW,
    ShareError,
    of_job,
    of_root,
    opened,
    received,
    sender,
    status,
    write_record,
)

DOCUMENTATION = """
module: processing_job_receive
short_description: Take over an uploaded file on the share
description:
  - Runs on the server of the share, as root. A file that a user has sent as exchange/USER/NAME, or that a board has
    built as jobs/JOB/NAME, is given to root under its final name if its checksum is right.
  - With C(--check) it reports only whether the file exists under its final name.
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
  lock:
    description: A file that runs on this server lock, one at a time.
    type: str
    default: /run/csvswarm-share.lock
  what:
    description: Name of the file in messages.
    type: str
    required: true
  staging_name:
    description: The name of the uploaded file.
    type: str
    required: true
  target:
    description: The folder on the share and the final name, like C(inputs/0123).
    type: str
    required: true
  sha256:
    description: The checksum that it must have.
    type: str
    required: true
  built:
    description: Whether a board has built it in the job's folder.
    type: bool
    default: false
  size:
    description: Size in bytes of a file that a board has built.
    type: int
  layers:
    description: For an image, the layers and the architecture that Docker must report once it is loaded.
    type: str
  id:
    description: For an image, its id.
    type: str
author: csvswarm
"""
EXAMPLES = """
- name: Take over the input
  processing_job_receive:
    share: /srv/csvswarm
    owner: 8765
    job: demo
    state: /var/lib/csvswarm
    what: the input
    staging_name: 0123abcd
    target: inputs/0123abcd
    sha256: 0123abcd
"""
RETURN = """
present:
  description: Whether the file exists under its final name.
  returned: success
  type: bool
record:
  description: For an image, the expected archive.
  returned: success
  type: dict
"""

TAKEN = ".taken"
PIECE = 1 << 20
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Permissions of a file that root took over. A user's file may be private: only the jobs' group reads it.
SENT, IMAGE = 0o440, 0o444


def find_received(params: dict[str, Any]) -> dict[str, Any]:
    """Report whether the file exists."""
    kind, _, name = params["target"].partition("/")
    with of_root(params["share"]) as root, of_root(kind, root) as folder:
        found = received(params["state"], folder, name, kind)
    return {"present": found is not None, "record": found or {}, "changed": found is None}


def take_over(params: dict[str, Any]) -> dict[str, Any]:
    """Take over the file, one run at a time. A file that another run uploaded meanwhile is kept."""
    kind, _, name = params["target"].partition("/")
    with (
        opened(params["lock"], os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC) as lock,
        of_root(params["share"]) as root,
        of_root(kind, root) as folder,
        of_root("exchange", root) as exchange,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileExistsError):
            os.mkdir(TAKEN, 0o700, dir_fd=exchange)
        found = received(params["state"], folder, name, kind)
        changed = found is None
        if found is None:
            with of_root(TAKEN, exchange) as taken:
                receive(params, root, exchange, taken)
                if kind == "images":
                    write_record(params["state"], name, {key: params[key] for key in ("sha256", "layers", "id")})
                # A rename within one file system, from one folder of root to another.
                os.replace(params["staging_name"], name, src_dir_fd=taken, dst_dir_fd=folder)
            os.fsync(folder)
            found = received(params["state"], folder, name, kind)
        with arrived_in(params, root, exchange) as source, suppress(FileNotFoundError):
            os.unlink(params["staging_name"], dir_fd=source)
    if found is None:
        raise ShareError(f"{params['target']} is missing after it was taken over: rerun the job")
    return {"present": True, "record": found, "changed": changed}


@contextmanager
def arrived_in(params: dict[str, Any], root: int, exchange: int) -> Iterator[int]:
    """Open the folder of an uploaded file, with the rights of the folder's user."""
    if params["built"]:
        owner = params["owner"]
        with of_root("jobs", root) as jobs, of_job(params["job"], jobs, owner) as folder, acting_as(owner):
            yield folder
    else:
        user, user_id, _ = sender()
        with of_job(user, exchange, user_id) as folder:
            yield folder


def receive(params: dict[str, Any], root: int, exchange: int, taken: int) -> None:
    """Move the file into the closed folder `taken`, as root's. Raises ShareError unless its checksum is right."""
    name, what = params["staging_name"], params["what"]
    discard(name, taken)  # left by a power cut
    try:
        found = (copy if params["built"] else move)(params, root, exchange, taken)
    except FileNotFoundError:
        raise ShareError(f"{what} has not arrived on the share: rerun the same command") from None
    except ShareError:
        discard(name, taken)
        raise
    if found != params["sha256"]:
        discard(name, taken)
        raise ShareError(f"{what} was damaged on its way to the share: rerun the same command")
    with opened(name, FILE, taken) as handle:
        os.fchmod(handle, IMAGE if params["layers"] else SENT)
        os.fsync(handle)


def discard(name: str, folder: int) -> None:
    """Remove a name of any kind from an open folder of root."""
    found = status(name, folder)
    if found and stat.S_ISDIR(found.st_mode):
        shutil.rmtree(name, dir_fd=folder)
    elif found:
        os.unlink(name, dir_fd=folder)


def move(params: dict[str, Any], root: int, exchange: int, taken: int) -> str:
    """Move an uploaded file, and return its checksum. The file may be large, so it is not copied."""
    name = params["staging_name"]
    with arrived_in(params, root, exchange) as source:
        os.replace(name, name, src_dir_fd=source, dst_dir_fd=taken)
    found = os.lstat(name, dir_fd=taken)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise ShareError(f"{params['what']} did not arrive as a regular file of its own: rerun the same command")
    # Only this folder names the file now, and only root may change names here.
    with opened(name, FILE, taken) as handle:
        os.fchown(handle, 0, 0 if params["layers"] else params["owner"])
        os.fchmod(handle, 0o400)
        return digest(handle)


def copy(params: dict[str, Any], root: int, exchange: int, taken: int) -> str:
    """Copy a file that a board has built, and return the copy's checksum: the jobs' owner may change the original."""
    name, what = params["staging_name"], params["what"]
    with arrived_in(params, root, exchange) as source:
        try:
            handle = open_file(name, source)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ShareError(f"{what} cannot be read where it was built: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ShareError(f"{what} is not a regular file where it was built: rerun the same command")
        with opened(name, NEW, taken) as target:
            return digest(handle, target, int(params["size"]))
    finally:
        os.close(handle)


def digest(source: int, target: int | None = None, limit: int | None = None) -> str:
    """Return the checksum of an open file, and copy it to another one. limit: maximum bytes to read, plus one."""
    found, left = hashlib.sha256(), sys.maxsize if limit is None else limit + 1
    while left and (piece := os.read(source, min(PIECE, left))):
        found.update(piece)
        left -= len(piece)
        view = memoryview(piece)
        while target is not None and view:
            view = view[os.write(target, view) :]
    return found.hexdigest()


def main() -> None:
    """Run as Ansible runs a module."""
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(("share", "job", "state", "what", "staging_name", "target", "sha256"), text),
            "owner": {"type": "int", "required": True},
            "lock": {"type": "str", "default": "/run/csvswarm-share.lock"},
            "built": {"type": "bool", "default": False},
            "size": {"type": "int"},
            "layers": {"type": "str"},
            "id": {"type": "str"},
        },
        supports_check_mode=True,
    )
    answer: dict[str, Any] = {}
    try:
        answer = (find_received if module.check_mode else take_over)(module.params)
    except (ShareError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
