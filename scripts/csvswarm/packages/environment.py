"""The packages of a job on one machine: installed once per lock, and importable by the job's processor."""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import os
import re
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from csvswarm.errors import JobError, OptionError, format_names

#: The directory of a job's packages in its image.
IN_IMAGE = "CSVSWARM_PACKAGES"
#: The packages of csvswarm that a processor may use.
_OWN = ("numpy", "pandas", "pyarrow", "xxhash")
_INSTALLED = re.compile(r"(.+)-([^-]+)\.dist-info")
_ROOT = Path(__file__).resolve().parents[3]
_active: list[str] = []


@dataclass(frozen=True)
class Packages:
    """Packages of a job. source: the list as the user named it, empty without one. versions: name -> version."""

    source: str = ""
    directory: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) if self.source else {}

    def difference_to(self, recorded: dict[str, Any]) -> str:
        """Return how the packages differ from those in a manifest, to continue "was made", or nothing."""
        before = recorded.get("versions", {})
        if before == self.versions:
            return ""
        changed = [
            f"{name} {before.get(name, '(none)')}, now {self.versions.get(name, 'none')}"
            for name in sorted({*before, *self.versions})
            if before.get(name) != self.versions.get(name)
        ]
        return f"with other packages ({format_names(changed, 5)})"

    def activate(self) -> None:
        """Make the packages importable in this process, instead of those of another job. Raises JobError."""
        deactivate()
        if not self.versions:
            return
        if not Path(self.directory).is_dir():
            raise JobError(f"the packages of the job are missing from {self.directory}: rerun it with the same job_id.")
        # After Python's own modules and csvswarm, but before the environment, whose packages other tools need.
        names = ("site-packages", "dist-packages")
        index = next((index for index, path in enumerate(sys.path) if Path(path).name in names), len(sys.path))
        sys.path.insert(index, self.directory)
        _active.append(self.directory)
        importlib.invalidate_caches()


def deactivate() -> None:
    """Undo `activate`; modules that were already imported stay."""
    while _active:
        directory = _active.pop()
        sys.path[:] = [path for path in sys.path if path != directory]


def find_packages(path: Path | None) -> Packages:
    """Return the packages of a list: those of the image in a container, else installed here, once per lock.

    Raises OptionError if they cannot be locked or installed.
    """
    if path is None:
        return Packages()
    if IN_IMAGE in os.environ:
        directory = Path(os.environ[IN_IMAGE])
        return Packages(str(path), str(directory), installed(directory))
    from csvswarm.packages.lock import Target, lock, pinned

    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two runs may need the same packages
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        locked = lock(path, Target(python), own_versions(), cache, {})
        versions = pinned(locked.read_text())
        return Packages(str(path), str(_installed_from(locked, path, cache)) if versions else "", versions)


def _installed_from(locked: Path, path: Path, cache: Path) -> Path:
    """Return the directory with the packages of a lock for this Python; it is created if it is missing."""
    from csvswarm.packages.lock import uv

    content = f"{sys.version}\0{locked.read_text()}"
    directory = cache / f"site-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    if not directory.is_dir():
        new = Path(tempfile.mkdtemp(dir=cache, prefix=".site-"))
        try:
            arguments = [f"--python={sys.executable}", f"--target={new}", "--no-deps", "--require-hashes"]
            done = uv("pip", "install", *arguments, "--compile-bytecode", f"--requirement={locked}")
            if done.returncode:
                raise OptionError(f"requirements: the packages of {path} cannot be installed: {done.stderr.strip()}")
            new.rename(directory)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return directory


def installed(directory: Path) -> dict[str, str]:
    """Return name -> version of the packages in a directory."""
    from csvswarm.packages.lock import normalized

    found = [_INSTALLED.fullmatch(path.name) for path in directory.iterdir()]
    return dict(sorted((normalized(match[1]), match[2]) for match in found if match))


def own_versions() -> dict[str, str]:
    """Return name -> version of csvswarm's packages and their dependencies."""
    from importlib.metadata import PackageNotFoundError, distribution  # slow to import, and few jobs need it

    from csvswarm.packages.lock import normalized

    found: dict[str, str] = {}
    todo = list(_OWN)
    while todo:
        name = normalized(todo.pop())
        try:
            package = distribution(name)
        except PackageNotFoundError:  # for another system or Python
            continue
        if name not in found:
            found[name] = package.version
            needed = [text for text in package.requires or [] if "extra ==" not in text]
            todo += [match[0] for text in needed if (match := re.match(r"[A-Za-z0-9._-]+", text))]
    return found


def cache_directory() -> Path:
    """Return where locks and packages are kept: in the clone, or in the user's cache if csvswarm is installed."""
    if (_ROOT / "requirements").is_dir():
        return _ROOT / ".cache" / "packages"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "csvswarm" / "packages"
