"""Locks a list of packages by hash, with uv. Locks are stored, so an unchanged list does not query the index."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from csvswarm.errors import OptionError

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_NO_WHEEL = re.compile(r"\b([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+) has no (?:usable wheels|wheels with)")
_NO_INDEX = ("Failed to fetch", "error sending request", "Network connectivity is disabled")
#: Parts of uv's messages that do not help a user of csvswarm.
_NOISE = re.compile(r"\s*\n\s*|error: No solution found when resolving dependencies|cause: ")
SYSTEM = "manylinux_2_28"
#: Architectures as Docker names them.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Target:
    """A machine to install packages for. python: a version. machine: x86_64 or aarch64, empty for this machine."""

    python: str
    machine: str = ""

    @property
    def name(self) -> str:
        where = f"boards with {ARCHITECTURES.get(self.machine, self.machine)}" if self.machine else "this machine"
        return f"{where} and Python {self.python}"

    @property
    def arguments(self) -> list[str]:
        if self.machine:
            return [f"--python-version={self.python}", f"--python-platform={self.machine}-{SYSTEM}"]
        return [f"--python={sys.executable}"]


def pinned(text: str) -> dict[str, str]:
    """Return name -> version of the packages in a lock. Names are normalized."""
    return {normalized(name): version for name, version in _PINNED.findall(text)}


def normalized(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_list(path: Path) -> str:
    """Return a list of packages as a user wrote it. Raises OptionError for one that cannot be locked."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OptionError(f"requirements: {path} cannot be read: {error}.") from error
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words.startswith("-") or re.search(r"[/@\\]", words):
            raise OptionError(
                f"requirements: line {number} of {path} is {words!r}: list packages of an index only, like "
                "scikit-learn>=1.5, without options, paths and addresses."
            )
    return text


def lock(path: Path, target: Target, given: Mapping[str, str], cache: Path, also: Mapping[str, str]) -> Path:
    """Return the file that pins the packages of a list and what they depend on, by version and hash.

    given: name -> version of csvswarm's packages. These versions are required, and not part of the lock. cache:
    directory of the locks. also: other required versions. Raises OptionError.
    """
    text = read_list(path)
    constraints = "".join(f"{name}=={version}\n" for name, version in sorted({**also, **given}.items()))
    parts = (text, constraints, *target.arguments, *(f"not {name}" for name in sorted(given)))
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    locked = cache / f"lock-{digest[:16]}.txt"
    if not locked.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".lock-") as name:
            directory = Path(name)
            (directory / "constraints.txt").write_text(constraints)
            new = directory / "lock.txt"
            arguments = ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", *target.arguments]
            arguments += [f"--no-emit-package={name}" for name in given]
            arguments += [f"--constraints={directory / 'constraints.txt'}", f"--output-file={new}", str(path)]
            done = uv("pip", "compile", *arguments)
            if done.returncode:
                raise OptionError(_failure(done.stderr, path, target))
            new.replace(locked)
    return locked


def uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv, with wheels only: nothing is compiled. Raises OptionError if it is not installed."""
    if find_spec("uv") is None:
        raise OptionError(
            "requirements: packages are locked with uv, which is not installed: run make setup, or pip install uv."
        )
    command = [sys.executable, "-m", "uv", "--quiet", *arguments, "--only-binary=:all:"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def _failure(message: str, path: Path, target: Target) -> str:
    """Return the message for packages that cannot be locked: which package, for which machine, and what to do."""
    if any(words in message for words in _NO_INDEX):
        return f"requirements: the package index does not answer, so {path} cannot be locked: {_plain(message)}"
    if missing := _NO_WHEEL.search(message):
        return (
            f"requirements: {missing[1]} {missing[2]} has no wheel for {target.name}. Require a version that has one "
            f"in {path}. Nothing is compiled."
        )
    return f"requirements: {path} cannot be installed for {target.name}: {_plain(message)}"


def _plain(message: str) -> str:
    return " ".join(_NOISE.sub(" ", message.partition("hint:")[0]).split())
