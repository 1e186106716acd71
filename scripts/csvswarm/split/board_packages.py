"""Lock the packages of a job for its boards, one lock per architecture with the same versions.

    python -m csvswarm.split.board_packages --requirements FILE --image LOCK --python 3.13 x86_64 aarch64

Prints a JSON object: digest (of all locks) and locks (architecture -> path).
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from csvswarm import cli
from csvswarm.packages.environment import cache_directory
from csvswarm.packages.lock import Target, lock, pinned


def lock_for_boards(path: Path, image: Path, python: str, machines: list[str], cache: Path) -> dict[str, Any]:
    """Lock a list for every architecture. Raises OptionError, also for a package without a wheel for one of them.

    image: the lock of the packages that every image has. The first architecture decides the versions.
    """
    given = pinned(image.read_text())
    versions: dict[str, str] = {}
    locks: dict[str, Path] = {}
    for machine in machines:
        locks[machine] = lock(path, Target(python, machine), given, cache, versions)
        versions |= pinned(locks[machine].read_text())
    content = "\0".join(part for name in machines for part in (name, locks[name].read_text()))
    digest = hashlib.sha256(content.encode()).hexdigest()
    return {"digest": digest[:16], "locks": {name: str(locks[name]) for name in machines}}


def main() -> int:
    """Read the arguments, lock, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requirements", type=Path, required=True, metavar="FILE")
    parser.add_argument("--image", type=Path, required=True, metavar="FILE", help="lock of the image's own packages")
    parser.add_argument("--python", required=True, metavar="VERSION")
    parser.add_argument("machines", nargs="+", metavar="MACHINE", help="x86_64 or aarch64")
    given = parser.parse_args()

    def work() -> tuple[dict[str, Any], str]:
        found = lock_for_boards(given.requirements, given.image, given.python, given.machines, cache_directory())
        return found, "locked"

    return cli.run(work, as_json=True)


if __name__ == "__main__":
    cli.exit_immediately(main())
