"""Folders of the share: opened by descriptor, and only if they have the right owner.

The share's folder, and every folder in it except those of single jobs, belong to root (role nfs_server): no other user
changes a name there. In the folders of jobs every file is opened as their owner, without following a symbolic link.
docs/security.md lists what root does on the share.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
SENTINEL = ".csvswarm-cluster"


class ShareError(Exception):
    """A message for the user: what is wrong on the share, and what to do."""


@contextmanager
def opened(name: str | Path, flags: int, parent: int | None = None, mode: int = 0o600) -> Iterator[int]:
    """Open a file or folder by its name in an open folder, for as long as the block runs."""
    handle = os.open(name, flags, mode, dir_fd=parent)
    try:
        yield handle
    finally:
        os.close(handle)


def status(name: str, parent: int) -> os.stat_result | None:
    """Return the status of a name in an open folder, without following a link; None if it does not exist."""
    try:
        return os.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return None


@contextmanager
def of_root(path: str | Path, parent: int | None = None) -> Iterator[int]:
    """Open a folder in which only root may change names. Raises ShareError for any other folder."""
    # Only the share itself may be reached by a link, because the administrator sets its path.
    flags = FOLDER if parent is not None else FOLDER & ~os.O_NOFOLLOW
    try:
        handle = os.open(path, flags, dir_fd=parent)
    except OSError as error:
        raise ShareError(f"{path} is not a folder of the share ({error.strerror}): run site.yml") from None
    try:
        found = os.fstat(handle)
        if found.st_uid != 0 or found.st_mode & 0o022:
            raise ShareError(f"{path} does not belong to root alone, as an earlier release left it: run site.yml")
        yield handle
    finally:
        os.close(handle)


@contextmanager
def of_job(job: str, parent: int, owner: int) -> Iterator[int]:
    """Open a job's folder in an open folder of root. Raises ShareError unless it belongs to the jobs' owner."""
    try:
        handle = os.open(job, FOLDER, dir_fd=parent)
    except OSError as error:
        raise ShareError(f"the folder {job} on the share cannot be opened: {error.strerror}") from None
    try:
        # It belongs to root if the power failed before its owner was changed.
        if os.fstat(handle).st_uid not in (0, owner):
            raise ShareError(f"the folder {job} on the share belongs to another user: remove it")
        yield handle
    finally:
        os.close(handle)


def sender() -> tuple[str, int, int]:
    """Return the user of the ssh connection: name, user id and group id."""
    names = ("SUDO_USER", "SUDO_UID", "SUDO_GID")
    name, user, group = (os.environ.get(name, default) for name, default in zip(names, ("root", "0", "0"), strict=True))
    return name, int(user), int(group)


def write_file(name: str, folder: int, data: bytes, group: int, mode: int) -> None:
    """Write a file of root in an open folder of root, durably, replacing an existing one."""
    part = f".{name}.{os.getpid()}"
    with opened(part, NEW, folder) as handle:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fchown(handle, 0, group)
        os.fchmod(handle, mode)
        os.fsync(handle)
    os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def record_folder(state: str) -> Path:
    """Return the folder with the records of expected archives, outside the share and closed to others."""
    folder = Path(state, "images")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def read_record(state: str, archive: str) -> dict[str, Any] | None:
    """Return the record of an expected archive: sha256, layers and id. None without a current record."""
    try:
        found = json.loads(Path(state, "images", f"{archive}.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"sha256", "layers", "id"} <= found.keys() else None


def write_record(state: str, archive: str, record: dict[str, Any]) -> None:
    """Record an expected archive, where only root reads and writes."""
    with opened(record_folder(state), FOLDER) as folder:
        write_file(f"{archive}.json", folder, json.dumps(record).encode(), 0, 0o600)


def received(state: str, folder: int, name: str, kind: str) -> dict[str, Any] | None:
    """Return the record of a file that root took over (empty unless it is an image); None if it did not."""
    found = status(name, folder)
    if not found or not stat.S_ISREG(found.st_mode) or found.st_uid != 0:
        return None
    return read_record(state, name) if kind == "images" else {}
