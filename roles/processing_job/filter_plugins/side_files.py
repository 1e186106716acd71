"""The side files of a job: their paths, their problems, and their mounts on boards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def processing_job_side_files(value: object, directory: str) -> list[str]:
    """Return the absolute paths of the files that a user names: a list, its text in YAML or JSON, or one path.

    directory: where relative paths start. Symbolic links stay as the user named them.
    """
    return [
        os.path.realpath(path) if ".." in path.parts else os.path.normpath(path)
        for name in _names(value)
        for path in [Path(directory) / Path(name).expanduser()]
    ]


def processing_job_side_files_problem(value: object, directory: str) -> str:
    """Return the problem of the files that a user names, with the remedy; empty without one."""
    if not _is_list(_parsed(value)):
        return f"""files: '{value}' is not a list of paths. Write it as JSON: -e '{{"files": ["lookup.csv"]}}'"""
    seen: dict[str, str] = {}
    for path in processing_job_side_files(value, directory):
        name = Path(path).name
        if Path(path).is_dir():
            return f"files: {path} is a directory. Name the files in it."
        if not Path(path).is_file():
            return f"files: {path} does not exist. A relative path starts in the current directory ({directory})."
        if name in seen:
            return f"files: {seen[name]} and {path} have the same name, by which a processor finds them. Rename one."
        seen[name] = path
    return ""


def processing_job_side_file_uploads(files: Iterable[Mapping[str, Any]], present: list[str]) -> list[dict[str, Any]]:
    """Return the files to send to the share. files: path and digest of each. present: digests already there."""
    by_digest = {file["digest"]: file["path"] for file in files if file["digest"] not in present}
    return [
        {
            "what": f"the file {Path(path).name}",
            "source": os.path.realpath(path),
            "staging_name": digest,
            "target": f"inputs/{digest}",
            "sha256": digest,
            "compress": True,
        }
        for digest, path in by_digest.items()
    ]


def processing_job_side_file_mounts(
    files: Iterable[Mapping[str, Any]], share: str, others: list[str]
) -> list[dict[str, str]]:
    """Return path (in the containers of split) and source (on the share) of each file.

    others: paths that are mounted anyway, those of the input and the processor.
    """
    return [
        {"path": file["path"], "source": f"{share}/inputs/{file['digest']}"}
        for file in files
        if file["path"] not in others
    ]


def _names(value: object) -> list[str]:
    parsed = _parsed(value)
    return [str(name) for name in parsed] if isinstance(parsed, list) and _is_list(parsed) else []


def _is_list(parsed: object) -> bool:
    return isinstance(parsed, list) and all(isinstance(name, str) and name for name in parsed)


def _parsed(value: object) -> object:
    """Return the list that a text in YAML or JSON contains; any other text is one path."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, tuple) else value
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        parsed = None
    if isinstance(parsed, list):
        return parsed
    return [value] if value else []


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_side_file_mounts": processing_job_side_file_mounts,
            "processing_job_side_file_uploads": processing_job_side_file_uploads,
            "processing_job_side_files": processing_job_side_files,
            "processing_job_side_files_problem": processing_job_side_files_problem,
        }
