"""Filters of the role processing_job: the files, folders and patterns that a user names as the input."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

# Ansible does not put directories of a role on Python's path for plugins.
_many_files: Any = ModuleType("processing_job_many_files")
SourceFileLoader(
    _many_files.__name__, str(Path(__file__).resolve().parents[1] / "module_utils/processing_job_many_files.py")
).exec_module(_many_files)
SHARED = "share:"
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


def processing_job_input_list(value: Any) -> list[str]:
    """Return the user's input as a list of texts, given a value, a list, or the text of a list."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            return [str(value)]
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def processing_job_input_paths(given: list[str], working_directory: str, share: str) -> list[str]:
    """Return absolute paths and patterns: of this machine, or of the share for a text that begins with share:."""
    return [
        str(Path(share, one.removeprefix(SHARED).lstrip("/")))
        if one.startswith(SHARED)
        else str(_plain(Path(working_directory, Path(one).expanduser())))
        for one in given
    ]


def _plain(path: Path) -> Path:
    return path.resolve() if ".." in path.parts else Path(*path.parts)


def processing_job_leaves_share(given: list[str]) -> bool:
    """Return whether one of the paths that a user names on the share contains .. as a part."""
    return any(".." in one.removeprefix(SHARED).split("/") for one in given)


def processing_job_sent_paths(files: list[str], named_input: str, processor: str) -> dict[str, str]:
    """Return the paths that are sent to the boards, by what the user calls them.

    files: paths of side files. named_input, processor: paths, "" for one that is not sent.
    """
    named = {"input": named_input, "processor": processor}
    return {
        **{name: path for name, path in named.items() if path},
        **{f"files: {Path(path).name}": path for path in files},
    }


def processing_job_input_files(paths: list[str]) -> list[str]:
    """Return the files of an input on this machine. Raises FilesError."""
    return [str(path) for path in _many_files.find_files([Path(path) for path in paths])]


def processing_job_input_problem(paths: list[str]) -> str:
    """Return the problem of an input on this machine, "" without one."""
    try:
        files = processing_job_input_files(paths)
    except _many_files.FilesError as error:
        return str(error)
    missing = [path for path in files if not Path(path).exists()]
    return f"{missing[0]} does not exist." if missing else ""


def processing_job_input_mounts(files: list[dict[str, Any]], share: str) -> list[dict[str, str]]:
    """Return where each file is on the share (source), and where containers have it (target).

    files: path of each, and its SHA-256 (digest) where it is sent.
    """
    return [
        {"source": f"{share}/inputs/{file['digest']}" if "digest" in file else file["path"], "target": file["path"]}
        for file in files
    ]


def processing_job_input_uploads(files: list[dict[str, Any]], present: list[str]) -> list[dict[str, Any]]:
    """Return what tasks/swarm/upload.yml needs to send files, each content once. present: digests that are there."""
    missing: dict[str, str] = {}
    for file in files:
        if file["digest"] not in present:
            missing.setdefault(file["digest"], file["path"])
    return [
        {
            "what": "the input" if len(files) == 1 else f"the input {path}",
            "source": str(Path(path).resolve()),
            "staging_name": digest,
            "target": f"inputs/{digest}",
            "sha256": digest,
            "compress": not path.endswith(_COMPRESSED),
        }
        for digest, path in missing.items()
    ]


def processing_job_input_bytes(files: list[dict[str, Any]]) -> int:
    """Return the approximate bytes of CSV in files: compressed text grows to about five times its size."""
    return sum(file["bytes"] * (5 if file["path"].endswith(_COMPRESSED) else 1) for file in files)


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_input_bytes": processing_job_input_bytes,
            "processing_job_input_files": processing_job_input_files,
            "processing_job_input_list": processing_job_input_list,
            "processing_job_input_mounts": processing_job_input_mounts,
            "processing_job_input_paths": processing_job_input_paths,
            "processing_job_input_problem": processing_job_input_problem,
            "processing_job_input_uploads": processing_job_input_uploads,
            "processing_job_leaves_share": processing_job_leaves_share,
            "processing_job_sent_paths": processing_job_sent_paths,
        }
