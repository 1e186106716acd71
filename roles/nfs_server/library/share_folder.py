"""Ansible module: creates the share's own folders, which belong to root, and the share's id."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: share_folder
short_description: Creates the folder of a share and the folders in it, and keeps the share's id
description:
  - The folder and the folders named in O(folders) belong to root, and no other user may create, rename or remove a name
    in them. So root may use these names, whatever other users write on the share.
  - A share of an earlier release, whose folder belonged to the owner of the jobs, is converted. Whatever that owner may
    have put in place of root's files is removed; jobs, results and inputs stay.
  - Runs on the server of the share, never through NFS.
options:
  path:
    description: The folder to export.
    type: path
    required: true
  owner:
    description: User and group id of the jobs. They own only the folders in C(jobs) and C(results).
    type: int
    required: true
  folders:
    description: Permissions of the folders in the share by name, in octal. Group is the owner's where it may enter.
    type: dict
    required: true
  id_file:
    description: The file outside the share that keeps its id.
    type: path
    required: true
attributes:
  check_mode:
    support: full
"""
RETURN = """
cluster:
  description: The share's id. Empty in check mode if there is no id yet.
  returned: always
  type: str
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
"""

SENTINEL = ".csvswarm-cluster"
#: Folders whose folders are the jobs' own.
OF_JOBS = ("jobs", "results")
#: Folders of files that root owns: name -> permissions of a file.
OF_ROOT = {"inputs": 0o440, "processors": 0o440, "images": 0o444, "requests": 0o600}
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Flags with which no link, pipe or device can redirect or block an open.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Seconds in which an NFS client must return a delegation; the kernel itself waits for 45.
RECALL_TIMEOUT = 60
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ShareError(Exception):
    """A problem of the share, as a message for the user."""


@dataclass
class Share:
    """A share that is being configured. check: nothing is changed. changes: those made, or needed."""

    path: Path
    owner: int
    check: bool
    changes: list[str] = field(default_factory=list)

    def set_access(self, handle: int, what: str, owner: int, group: int, mode: int) -> bool:
        """Set owner, group and permissions of an open file or folder. Returns whether they differed."""
        found = os.fstat(handle)
        if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (owner, group, mode):
            return False
        self.changes.append(f"{what}: {owner}:{group} {mode:04o}")
        if not self.check:
            os.fchown(handle, owner, group)
            os.fchmod(handle, mode)
        return True

    def remove(self, name: str, parent: int, what: str) -> None:
        """Remove a name in an open folder, with everything below it. Follows no link."""
        self.changes.append(f"{what}: removed")
        if self.check:
            return
        if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)

    # -- the folders -----------------------------------------------------------------------------------------------

    def make_root(self) -> int | None:
        """Create the share's folder, and return its descriptor; None in check mode if it does not exist."""
        if not self.path.is_dir():
            self.changes.append(f"{self.path}: made")
            if self.check:
                return None
            self.path.mkdir(parents=True)
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.set_access(handle, str(self.path), 0, 0, 0o755)
        return handle

    def make_folder(self, root: int, name: str, mode: int) -> None:
        """Create a folder of root in the share. From here on, its names are safe to use."""
        what = str(self.path / name)
        found = status(name, root)
        if found and (not stat.S_ISDIR(found.st_mode) or (name == "exchange" and is_of_earlier_release(name, root))):
            self.remove(name, root, what)
            found = None
        if not found:
            self.changes.append(f"{what}: made")
            if not self.check:
                os.mkdir(name, 0o700, dir_fd=root)
        if not found and self.check:
            return
        group = self.owner if mode & 0o044 == 0o040 else 0  # the group may list it, and others may not
        with closing(os.open(name, FOLDER, dir_fd=root)) as handle:
            self.set_access(handle, what, 0, group, mode)
            if name in OF_JOBS:
                self.close_jobs(handle, what)
            elif name in OF_ROOT:
                self.take_files(handle, what, OF_ROOT[name], keep=name in ("inputs", "processors"))

    def close_jobs(self, parent: int, what: str) -> None:
        """Close the folders of jobs to all but their owner, and remove the links beside them."""
        for name in sorted(os.listdir(parent)):
            found = os.lstat(name, dir_fd=parent)
            if not stat.S_ISDIR(found.st_mode):
                self.remove(name, parent, f"{what}/{name}")
            elif found.st_uid == self.owner and found.st_mode & 0o077:
                with closing(os.open(name, FOLDER, dir_fd=parent)) as handle:
                    # With an access list, the bits of the group are its mask: the user who fetches a result is in the
                    # list.
                    if found.st_mode & 0o007 or "system.posix_acl_access" not in os.listxattr(handle):
                        # The group may belong to a user who fetches the result.
                        self.set_access(handle, f"{what}/{name}", self.owner, found.st_gid, 0o700)

    def take_files(self, parent: int, what: str, mode: int, *, keep: bool) -> None:
        """Make root the owner of the files in a folder of root. keep: also of other users' files.

        A file with two names may be written to through the other name: csvswarm never created it.
        """
        for name in sorted(os.listdir(parent)):
            found = os.lstat(name, dir_fd=parent)
            if stat.S_ISDIR(found.st_mode):
                continue
            known = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and not name.endswith(".layers")
            if not known or (found.st_uid and not keep):
                self.remove(name, parent, f"{what}/{name}")
                continue
            with closing(open_file(name, parent)) as handle:
                self.set_access(handle, f"{what}/{name}", 0, self.owner if mode == 0o440 else 0, mode)

    # -- the id ----------------------------------------------------------------------------------------------------

    def identify(self, root: int | None, keeper: Path) -> str:
        """Return the share's id, kept on the share and outside of it. Raises ShareError when the two differ."""
        there = self.read_id(SENTINEL, root) if root is not None else ""
        kept = self.read_id(str(keeper), None)
        if there and kept and there != kept:
            raise ShareError(
                f"{self.path} carries the id {there}, but {keeper} on this server has {kept}: is another share's disk "
                f"mounted there? If this share is the right one, remove {keeper} and rerun site.yml."
            )
        wanted = there or (str(uuid.uuid4()) if not self.check else "")
        if not there:
            self.changes.append(f"{self.path / SENTINEL}: written")
            found = status(SENTINEL, root) if root is not None else None
            if found and root is not None and stat.S_ISDIR(found.st_mode):
                self.remove(SENTINEL, root, str(self.path / SENTINEL))
            if root is not None and not self.check:
                write(SENTINEL, f"{wanted}\n", 0o444, root)
        if kept != wanted or not kept:
            self.changes.append(f"{keeper}: written")
            if not self.check:
                with closing(os.open(keeper.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
                    write(keeper.name, f"{wanted}\n", 0o644, folder)
        return wanted

    def read_id(self, name: str, folder: int | None) -> str:
        """Return the id in a file of root; empty if it does not exist. Reads no other file."""
        try:
            handle = open_file(name, folder)
        except OSError:
            return ""
        with closing(handle):
            found = os.fstat(handle)
            text = os.read(handle, 64).decode("ascii", "replace").strip() if stat.S_ISREG(found.st_mode) else ""
        return text if found.st_uid == 0 and ID.fullmatch(text) else ""


@contextmanager
def closing(handle: int) -> Iterator[int]:
    """Close a descriptor at the end of a block."""
    try:
        yield handle
    finally:
        os.close(handle)


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


def status(name: str, parent: int) -> os.stat_result | None:
    """Return the status of a name in an open folder, without following a link; None if it does not exist."""
    try:
        return os.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return None


def is_of_earlier_release(name: str, parent: int) -> bool:
    """Whether a folder is the exchange of an earlier release, which kept its lock there or did not belong to root."""
    with closing(os.open(name, FOLDER, dir_fd=parent)) as handle:
        return os.fstat(handle).st_uid != 0 or status(".lock", handle) is not None


def write(name: str, content: str, mode: int, folder: int) -> None:
    """Write a file of root into an open folder, atomically."""
    part = f".{name}.{os.getpid()}"
    with closing(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)) as handle:
        os.write(handle, content.encode())
        os.fchmod(handle, mode)
        os.fsync(handle)
    os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def configure(path: Path, owner: int, folders: dict[str, str], id_file: Path, *, check: bool) -> dict[str, Any]:
    """Configure a share, and return the module's answer. Raises ShareError and OSError."""
    share = Share(path, owner, check)
    root = share.make_root()
    try:
        cluster = share.identify(root, id_file)
        if root is not None:
            for name, mode in folders.items():
                share.make_folder(root, name, int(str(mode), 8))
    finally:
        if root is not None:
            os.close(root)
    return {"changed": bool(share.changes), "changes": share.changes, "cluster": cluster}


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "owner": {"type": "int", "required": True},
            "folders": {"type": "dict", "required": True},
            "id_file": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        answer = configure(
            Path(params["path"]), params["owner"], params["folders"], Path(params["id_file"]), check=module.check_mode
        )
    except ShareError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"the share {params['path']} cannot be set up: {error}")
    else:
        module.exit_json(**answer)


if __name__ == "__main__":
    main()
