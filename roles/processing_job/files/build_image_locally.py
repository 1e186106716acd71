"""Build the archive of an image on this machine.

    python3 build_image_locally.py NAME BASE ROOT CONTEXT MACHINE PYTHON

NAME and BASE are those of build_image_archive.py, the others those of prepare_build_context.py. CONTEXT is made, with
nothing but image.tar.gz in it: the compressed output of docker save. Prints what build_image_archive.py prints.

Runs that need the same image may begin at the same time: the first makes it, the others wait and take what it has made.
The newest archive of each architecture stays beside CONTEXT, for another share that has none.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import sys
from pathlib import Path

import build_image_archive
import prepare_build_context


def known_of(kept: Path) -> str | None:
    """Return what was told of an archive when it was made; None when it is not there, or not as it was."""
    try:
        text = Path(f"{kept}.json").read_text()
        return text if build_image_archive.digest(kept) == json.loads(text)["sha256"] else None
    except (FileNotFoundError, ValueError):
        return None


def make(name: str, base: str, root: Path, context: Path, machine: str, python: str) -> Path:
    """Make the archive in the context, and return it. Ends the program when it cannot, with a reason."""
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for the answer
        prepare_build_context.main(root, context, machine, python)
    build_image_archive.build(name, base, context)
    archive = context / "image.tar.gz"
    build_image_archive.pack(name, archive)
    return archive


def keep(archive: Path, told: str, kept: Path, others: str) -> None:
    """Give the archive its name in the cache, instead of older ones. Who still sends one has a link of its own."""
    for old in kept.parent.glob(others):
        old.unlink()
    kept.hardlink_to(archive)
    Path(f"{kept}.json").write_text(told)


def main(name: str, base: str, root: Path, context: Path, machine: str, python: str) -> None:
    """Have the archive in the context."""
    cache = context.parent
    repository, tag = name.split(":")
    kept = cache / f"{repository}-{tag}-{machine}.tar.gz"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".image.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = known_of(kept)
        if told is None:
            archive = make(name, base, root, context, machine, python)
            told = build_image_archive.told_of(archive)
            keep(archive, told, kept, f"{repository}-*-{machine}.tar.gz*")
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        (context / "image.tar.gz").hardlink_to(kept)
    print(told)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5], sys.argv[6])
