"""Identifies the input and the side files of a job for boards, without the second Python process of a module."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

#: Maximum number of files: each is a mount of every container.
MAX_FILES = 1000
NO_RSYNC = (
    "rsync is missing on this machine: files go to the boards with it. On Debian and Ubuntu: sudo apt-get install rsync"
)


class ActionModule(ActionBase):
    """Returns path, SHA-256 (digest) and size (bytes) of each file of the input, also with --check.

    Arguments: paths, the files (none for an input on the share); files, the paths of side files; cache, the folder of
    stored checksums. Returns inputs, each with path, digest and bytes; and files, each with path and
    digest. Fails when rsync is not installed, or for more files than a container can have mounts.
    """

    _VALID_ARGS = frozenset(("paths", "files", "cache"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Identify the input."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if shutil.which("rsync") is None:
            return result | {"failed": True, "msg": NO_RSYNC, "is_written": True}
        paths, cache = self._task.args.get("paths") or [], Path(self._task.args["cache"])
        if len(paths) > MAX_FILES:
            message = f"input: a job on boards may have {MAX_FILES} files, not {len(paths)}: concatenate some."
            return result | {"failed": True, "msg": message, "is_written": True}
        role = "input"
        try:
            inputs = [
                {"path": one, "digest": digest(Path(one), cache), "bytes": Path(one).stat().st_size} for one in paths
            ]
            role = "files"
            files = [{"path": one, "digest": digest(Path(one), cache)} for one in self._task.args.get("files") or []]
        except OSError as error:
            message = f"{role}: {error.filename} cannot be read: {error.strerror}."
            return result | {"failed": True, "msg": message, "is_written": True}
        return result | {"changed": False, "inputs": inputs, "files": files}


def digest(path: Path, cache: Path) -> str:
    """Return the SHA-256 of a file. A large input is read once, and not for every job.

    The cached value is valid while the file's size, times and inode stay the same.
    """
    status = path.stat()
    identity = [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    entry = cache / f"{hashlib.sha256(bytes(path.absolute())).hexdigest()[:16]}.json"
    try:
        known = json.loads(entry.read_text())
        if known["identity"] == identity:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    cache.mkdir(parents=True, exist_ok=True)
    entry.write_text(json.dumps({"identity": identity, "sha256": found}))
    return found
