"""Print the SHA-256 of a file and its size in bytes, run as: python3 cached_sha256.py FILE CACHE.

The cache remembers it for as long as the file's size, times of change and place on the disk stay what they are: a large
input is read once, and not at every job.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path


def digest(path: Path, cache: Path) -> str:
    """Return the SHA-256 of the file, from the cache if the file is what it was."""
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


if __name__ == "__main__":
    file = Path(sys.argv[1])
    sys.stdout.write(f"{digest(file, Path(sys.argv[2]))}\n{file.stat().st_size}\n")
