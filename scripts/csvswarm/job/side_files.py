"""Side files: files that a user passes with a job for its processor, such as lookup tables, models and modules."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csvswarm.errors import InputError, JobError, OptionError, filename_in_errors, format_names
from csvswarm.job.durable_files import open_regular, replace_durably, temporary_file

if TYPE_CHECKING:
    from csvswarm.job.manifest import Manifest

_READ_BYTES = 1 << 20
#: The owner alone may read a copy; nobody writes to it.
_READ_ONLY = 0o400


@dataclass(frozen=True)
class SideFile:
    """One file. name: its base name, unique in the job. bytes: its size. source: the path that the user gave."""

    name: str
    bytes: int
    sha256: str
    source: str


class SideFiles:
    """The side files of a job: at the paths that the user gave, or the copies in a job's directory.

    directory: the directory of the copies, None for the original files.
    """

    def __init__(self, files: Sequence[SideFile] = (), directory: Path | None = None) -> None:
        self._files = {file.name: file for file in files}
        self._directory = directory
        self._verified: set[str] = set() if directory else {*self._files}

    @classmethod
    def of_job(cls, directory: Path, manifest: Manifest) -> SideFiles:
        """Return the copies of a job. directory: that of the copies. Raises TypeError for a damaged manifest."""
        return cls([SideFile(**file) for file in manifest.files], directory)

    @property
    def names(self) -> list[str]:
        return list(self._files)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(file) for file in self._files.values()]

    def path(self, name: str) -> Path:
        """Return the path of a file. The first call verifies a copy.

        Raises OptionError if the job has no such file, and JobError if the copy has changed.
        """
        file = self._files.get(name)
        if file is None:
            known = f"its files are: {format_names(self.names)}" if self._files else "it has none"
            raise OptionError(
                f"the processor needs the file {name!r}, but the job has no such file: {known}. Pass it with the job: "
                f"""-e '{{"files": ["PATH/{name}"]}}'."""
            )
        path = self._path(file)
        if name not in self._verified:
            try:
                found = sha256_of(path)
            except FileNotFoundError:
                found = ""
            if found != file.sha256:
                raise JobError(f"{path} has changed since the job was created: start a new job.")
            self._verified.add(name)
        return path

    def _path(self, file: SideFile) -> Path:
        return Path(file.source) if self._directory is None else self._directory / file.name

    def copy_to(self, directory: Path) -> None:
        """Copy the files, read-only, into a directory. Raises InputError if one has changed since it was found."""
        if self._files:
            directory.mkdir(exist_ok=True)
        for file in self._files.values():
            source, target = self._path(file), directory / file.name
            with temporary_file(target) as (temporary, copy):
                digest = hashlib.sha256()
                for piece in _pieces(source):
                    digest.update(piece)
                    copy.write(piece)
                if digest.hexdigest() != file.sha256:
                    raise InputError(f"{source} changed while it was copied: rerun the job when nothing writes to it.")
                os.fchmod(copy.fileno(), _READ_ONLY)
            replace_durably(temporary, target)

    def difference_to(self, recorded: Sequence[dict[str, Any]]) -> str:
        """Return how the files differ from those in a manifest, to continue "was made", or nothing."""
        before = {file["name"]: file["sha256"] for file in recorded}
        now = {file.name: file.sha256 for file in self._files.values()}
        changed = [name for name in now if name in before and now[name] != before[name]]
        if changed:
            return f"with another version of {format_names(changed)}"
        if now.keys() != before.keys():
            return f"with other files ({format_names(list(before)) or 'none'})"
        return ""


def find_side_files(paths: Sequence[Path]) -> SideFiles:
    """Return the files that a user names, with their checksums. Raises OptionError."""
    found: dict[str, SideFile] = {}
    for path in paths:
        name = path.name
        if not path.is_file():
            what = "is a directory: name the files in it" if path.is_dir() else "does not exist"
            raise OptionError(f"files: {path} {what}.")
        if not name.isprintable():
            raise OptionError(f"files: {str(path)!r} has a control character in its name: rename it.")
        if name in found:
            raise OptionError(
                f"files: {found[name].source} and {path} have the same name, {name}, by which a processor finds them: "
                "rename one."
            )
        try:
            found[name] = SideFile(name, path.stat().st_size, sha256_of(path.resolve()), str(path))
        except OSError as error:
            raise OptionError(f"files: {path} cannot be read: {error.strerror}.") from error
    return SideFiles(list(found.values()))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    for piece in _pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    with filename_in_errors(path), open_regular(path) as file:
        while piece := file.read(_READ_BYTES):
            yield piece
