"""What root does on the share for a job, run on its server as: python3 share.py ACTION ARGUMENTS.

ARGUMENTS is a JSON object; the answer is one too. An error is one line on standard error and exit code 1. Every action
is given share (the share's folder) and owner (user and group id of the jobs), and

places: job, input (a path on the share, or null), sent (the name of the input in inputs/, or null), images (archives by
    kind), state. Makes the folders of the job and of the user who sends files, and reports what is there already.
look: target (FOLDER/NAME), state. Reports whether a file is there.
take: target, arrives, job, built, sha256, and state and lock; of an image also layers and size. Takes over a file that
    has arrived as exchange/USER/ARRIVES, or that a board has built as jobs/JOB/ARRIVES.

The share's folder, and all in it but the folders of single jobs, belong to root (role nfs_server): nobody else changes
a name there. In the folders of jobs every file is opened as their owner, without following a link. docs/security.md
lists what root does where. Nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Told = dict[str, Any]
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Neither a link nor a pipe or device can stop or mislead who opens a file so.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Seconds in which an NFS client must return a delegation; the kernel itself waits for 45.
RECALL_TIMEOUT = 60
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
SENTINEL, TAKEN = ".csvswarm-cluster", ".taken"
PIECE = 1 << 20
#: How the name of an archive begins that a board builds in the folder of a job.
BUILT = ".csvswarm-job-"
#: Permissions of a file that root has taken over. What a user sends may be private: the jobs' group alone reads it.
SENT, IMAGE = 0o440, 0o444


class ShareError(Exception):
    """What is wrong, for people."""


@contextmanager
def opened(name: str | Path, flags: int, parent: int | None = None, mode: int = 0o600) -> Iterator[int]:
    """Open a file or folder by its name in an open folder, for as long as the block runs."""
    handle = os.open(name, flags, mode, dir_fd=parent)
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


@contextmanager
def acting_as(owner: int) -> Iterator[None]:
    """Have the rights of a user and nothing more, for as long as the block runs."""
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(owner)
    os.seteuid(owner)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def status(name: str, parent: int) -> os.stat_result | None:
    """Return what has a name in an open folder, without following a link; None when nothing has."""
    try:
        return os.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return None


@contextmanager
def of_root(path: str | Path, parent: int | None = None) -> Iterator[int]:
    """Open a folder that nobody but root may change names in. Raises ShareError when it is none."""
    # Only the share itself may be reached by a link: its path is the administrator's.
    flags = FOLDER if parent is not None else FOLDER & ~os.O_NOFOLLOW
    try:
        handle = os.open(path, flags, dir_fd=parent)
    except OSError as error:
        raise ShareError(f"{path} is no folder of the share ({error.strerror}): run site.yml") from None
    try:
        found = os.fstat(handle)
        if found.st_uid != 0 or found.st_mode & 0o022:
            raise ShareError(f"{path} does not belong to root alone, as an earlier release left it: run site.yml")
        yield handle
    finally:
        os.close(handle)


@contextmanager
def of_job(job: str, parent: int, owner: int) -> Iterator[int]:
    """Open a job's folder in an open folder of root's. Raises ShareError when it is no folder of the jobs' owner."""
    try:
        handle = os.open(job, FOLDER, dir_fd=parent)
    except OSError as error:
        raise ShareError(f"the folder {job} on the share cannot be opened: {error.strerror}") from None
    try:
        # Root's: it was made, and the power failed before it was given away.
        if os.fstat(handle).st_uid not in (0, owner):
            raise ShareError(f"the folder {job} on the share belongs to another user: remove it")
        yield handle
    finally:
        os.close(handle)


def sender() -> tuple[str, int, int]:
    """Return the user whose ssh connection this is: name, user id and group id."""
    names = ("SUDO_USER", "SUDO_UID", "SUDO_GID")
    name, user, group = (os.environ.get(name, default) for name, default in zip(names, ("root", "0", "0"), strict=True))
    return name, int(user), int(group)


def write_record(state: Path, name: str, record: Told) -> None:
    """Write down what an archive must be, where only root reads and writes."""
    part = state / f".{name}.{os.getpid()}"
    with opened(part, NEW) as handle:
        os.write(handle, json.dumps(record).encode())
        os.fsync(handle)
    part.replace(state / f"{name}.json")


def record_of(state: Path, name: str) -> Told | None:
    """Return what an archive must be; None when that was not written down."""
    try:
        found = json.loads((state / f"{name}.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def state_folder(told: Told) -> Path:
    """Return the folder of the records, outside the share and closed to all but root."""
    folder = Path(told["state"], "images")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def there(told: Told, folder: int, name: str, kind: str) -> Told | None:
    """Return the answer for a file that was taken over; None when it was not."""
    found = status(name, folder)
    if not found or not stat.S_ISREG(found.st_mode) or found.st_uid != 0:
        return None
    record = record_of(state_folder(told), name) if kind == "images" else {}
    return None if record is None else {"there": True, "record": record}


# -- places ------------------------------------------------------------------------------------------------------------


def make_folder(name: str, parent: int, owner: int, group: int) -> bool:
    """Make a folder that is closed to all but a user. Returns whether it was there."""
    was_there = status(name, parent) is not None
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    with of_job(name, parent, owner) as handle:
        os.fchown(handle, owner, group)
        os.fchmod(handle, 0o700)
    return was_there


def discard_built(job: str, jobs: int, owner: int) -> None:
    """Remove what a board has built for a job and nobody took over: the scripts refuse a folder with strange files."""
    with of_job(job, jobs, owner) as folder, acting_as(owner), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(BUILT):
                with contextlib.suppress(OSError):
                    os.unlink(entry.name, dir_fd=folder)


def places(told: Told) -> Told:
    """Make the job's places, and report what is there."""
    share, owner, job = told["share"], told["owner"], told["job"]
    user, user_id, group_id = sender()
    with of_root(share) as root:
        if status(SENTINEL, root) is None:
            raise ShareError(f"{share} is not the share of a cluster: run site.yml")
        for name in ("requests", "processors"):
            with of_root(name, root):
                pass
        with of_root("jobs", root) as jobs, of_root("results", root) as results:
            resumed = make_folder(job, jobs, owner, owner)
            discard_built(job, jobs, owner)
            make_folder(job, results, owner, owner)
        with of_root("exchange", root) as exchange:
            make_folder(user, exchange, user_id, group_id)
        with of_root("images", root) as images:
            known = {kind: there(told, images, name, "images") for kind, name in told["images"].items()}
        with of_root("inputs", root) as inputs:
            sent = there(told, inputs, told["sent"], "inputs") is not None if told["sent"] else False
    return {
        "exchange": f"{share}/exchange/{user}",
        "resumed": resumed,
        "sent": sent,
        "size": size_of(told["input"], owner) if told["input"] else None,
        "images": {kind: found["record"] for kind, found in known.items() if found},
    }


def size_of(path: str, owner: int) -> int | None:
    """Return the size of an input on the share, as the jobs' owner sees it; None when there is no such file."""
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


# -- take --------------------------------------------------------------------------------------------------------------


def look(told: Told) -> Told:
    """Report whether a file is there."""
    kind, _, name = told["target"].partition("/")
    with of_root(told["share"]) as root, of_root(kind, root) as folder:
        return there(told, folder, name, kind) or {"there": False, "record": {}}


def take(told: Told) -> Told:
    """Take over a file that has arrived. One run at a time: what another run has brought in the meantime stays."""
    kind, _, name = told["target"].partition("/")
    with (
        opened(told["lock"], os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC) as lock,
        of_root(told["share"]) as root,
        of_root(kind, root) as folder,
        of_root("exchange", root) as exchange,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileExistsError):
            os.mkdir(TAKEN, 0o700, dir_fd=exchange)
        if not (found := there(told, folder, name, kind)):
            with of_root(TAKEN, exchange) as taken:
                receive(told, root, exchange, taken)
                if kind == "images":
                    write_record(state_folder(told), name, {key: told[key] for key in ("sha256", "layers")})
                # A rename within one file system, from one folder of root's to another.
                os.replace(told["arrives"], name, src_dir_fd=taken, dst_dir_fd=folder)
            os.fsync(folder)
            found = there(told, folder, name, kind)
        with arrived_in(told, root, exchange) as source, contextlib.suppress(FileNotFoundError):
            os.unlink(told["arrives"], dir_fd=source)
        if not found:
            raise ShareError(f"{told['target']} is not there after it was taken over: run the job again")
        return found


@contextmanager
def arrived_in(told: Told, root: int, exchange: int) -> Iterator[int]:
    """Open the folder that a file has arrived in, with the rights of the user whose folder it is."""
    if told["built"]:
        owner = told["owner"]
        with of_root("jobs", root) as jobs, of_job(told["job"], jobs, owner) as folder, acting_as(owner):
            yield folder
    else:
        user, user_id, _ = sender()
        with of_job(user, exchange, user_id) as folder:
            yield folder


def receive(told: Told, root: int, exchange: int, taken: int) -> None:
    """Have a file in the closed folder `taken`, as root's, with the checksum that it must have."""
    arrives = told["arrives"]
    discard(arrives, taken)  # left when the power failed
    try:
        found = copy(told, root, exchange, taken) if told["built"] else move(told, root, exchange, taken)
    except FileNotFoundError:
        raise ShareError(f"{told['what']} has not arrived on the share: run the same again") from None
    except ShareError:
        discard(arrives, taken)
        raise
    if found != told["sha256"]:
        discard(arrives, taken)
        raise ShareError(f"{told['what']} was damaged on its way to the share: run the same again")
    with opened(arrives, FILE, taken) as handle:
        os.fchmod(handle, IMAGE if "layers" in told else SENT)
        os.fsync(handle)


def discard(name: str, folder: int) -> None:
    """Remove what has a name in an open folder of root's, if anything has."""
    found = status(name, folder)
    if found and stat.S_ISDIR(found.st_mode):
        shutil.rmtree(name, dir_fd=folder)
    elif found:
        os.unlink(name, dir_fd=folder)


def move(told: Told, root: int, exchange: int, taken: int) -> str:
    """Move what a user has sent, and return its checksum. No bytes are copied: the file may be large."""
    with arrived_in(told, root, exchange) as source:
        os.replace(told["arrives"], told["arrives"], src_dir_fd=source, dst_dir_fd=taken)
    found = os.lstat(told["arrives"], dir_fd=taken)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise ShareError(f"{told['what']} did not arrive as a regular file of its own: run the same again")
    # Nothing but this folder names it now, and none but root may change names here.
    with opened(told["arrives"], FILE, taken) as handle:
        os.fchown(handle, 0, told["owner"] if "layers" not in told else 0)
        os.fchmod(handle, 0o400)
        return digest(handle)


def copy(told: Told, root: int, exchange: int, taken: int) -> str:
    """Copy what a board has built, and return the copy's checksum: the jobs' owner may change the original."""
    with arrived_in(told, root, exchange) as source:
        try:
            handle = open_file(told["arrives"], source)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ShareError(f"{told['what']} cannot be read where it was built: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ShareError(f"{told['what']} is no regular file where it was built: run the same again")
        with opened(told["arrives"], NEW, taken) as target:
            return digest(handle, target, int(told["size"]))
    finally:
        os.close(handle)


def digest(source: int, target: int | None = None, limit: int | None = None) -> str:
    """Return the checksum of an open file, copied to another one on the way. limit: bytes to read at most, and one."""
    found, left = hashlib.sha256(), sys.maxsize if limit is None else limit + 1
    while left and (piece := os.read(source, min(PIECE, left))):
        found.update(piece)
        left -= len(piece)
        view = memoryview(piece)
        while target is not None and view:
            view = view[os.write(target, view) :]
    return found.hexdigest()


ACTIONS = {"places": places, "look": look, "take": take}


def main(action: str, arguments: str) -> None:
    """Do what is asked and print the answer."""
    try:
        print(json.dumps(ACTIONS[action](json.loads(arguments))))
    except (ShareError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
