"""Wait until no other program has the locks of apt and dpkg: apt_wait.py SECONDS [FOLDER].

Prints which program has one after that time.
"""

from __future__ import annotations

import fcntl
import sys
import time
from pathlib import Path

LOCKS = ("lib/dpkg/lock-frontend", "lib/dpkg/lock", "lib/apt/lists/lock", "cache/apt/archives/lock")


def is_free(lock: Path) -> bool:
    """Return whether no program has the lock. apt's locks are POSIX record locks."""
    if not lock.exists():
        return True
    with lock.open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def holder(lock: Path) -> str:
    """Return the program that has the lock, as the kernel reports it."""
    inode = f":{lock.stat().st_ino}"
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[5].endswith(inode):
            try:
                command = Path(f"/proc/{fields[4]}/cmdline").read_text().replace("\0", " ").strip()
            except OSError:
                continue
            return f"{command} (process {fields[4]})"
    return "another program"


def main() -> int:
    """Wait, and return an exit code."""
    ends = time.monotonic() + float(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "/var")
    while locked := [lock for lock in (folder / name for name in LOCKS) if not is_free(lock)]:
        if time.monotonic() >= ends:
            print(f"{holder(locked[0])} has locked {locked[0]}")
            return 1
        time.sleep(1)
    print("free")
    return 0


sys.exit(main())
