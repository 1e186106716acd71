"""Filters of the role processing_job: requests and paths of jobs, and what to do after a failure."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable


def processing_job_from_yaml_or_text(value: object) -> object:
    """Return the value of a text in YAML or JSON; anything else, and a text in neither, unchanged.

    Ansible's own from_yaml raises an error for such a text. Here it stays a text, and the role's preflight refuses it
    with its own message.
    """
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


def processing_job_is_list_of_texts(value: object) -> bool:
    """Return whether a value is a list, and each of its items a text."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def processing_job_path(path: str) -> str:
    """Return an absolute path without . and .. and double slashes, which names the same file.

    Symbolic links stay as the user named them, unless a .. comes after one: it leads to the parent of its target.
    """
    if ".." in Path(path).parts:
        return os.path.realpath(path)
    return os.path.normpath(path)


def processing_job_absolute_path(path: str, directory: str) -> str:
    """Return the absolute path that a user names, without . and .. as by processing_job_path().

    directory: where a relative path starts, itself absolute.
    """
    return processing_job_path(str(Path(directory) / path))


#: Options of the layout of a file and its values: None if detected.
LAYOUT = (
    "header",
    "skip_lines",
    "comment",
    "escape",
    "trailing_delimiter",
    "decimal",
    "thousands",
    "date_format",
)


def processing_job_request(job: dict[str, Any], built_in: list[str]) -> dict[str, Any]:
    """Return the request of a job of this machine, from its manifest: the role's variables by name.

    Raises ValueError for a manifest that was changed.
    """
    try:
        return _request(job, built_in)
    except (KeyError, TypeError):
        raise ValueError("the job's manifest.json is damaged: remove the job with -e action=remove") from None


def _request(job: dict[str, Any], built_in: list[str]) -> dict[str, Any]:
    processor, request = job["processor"], job["request"]
    is_built_in = processor["name"] in built_in and "/files/processors/" in processor["source"]
    names = "options", "on_error", "max_rejected", "delimiter", "quotechar", "column_types"
    return {
        **{name: request[name] for name in names},
        **{name: request.get(name) for name in LAYOUT},
        "limit": request["limit"] or "none",
        "strict": request.get("strict", False),
        "union": request.get("union", False),
        "source_file": request.get("source_file", False),
        "incremental": request.get("incremental", False),
        "output_format": request.get("output_format", "csv"),
        "partition_by": request.get("partition_by", []),
        "files": [file["source"] for file in job.get("files", [])],
        "requirements": job.get("packages", {}).get("source", ""),
        "input": job["input"].get("given") or job["input"]["path"],
        "encoding": job["input"]["encoding"],
        "output": job["output"],
        "processor": processor["name"] if is_built_in else processor["source"],
        # The first one, the empty field, is always among them.
        "null_values": request["null_values"][1:],
    }


def processing_job_names_boards(inventory: str) -> bool:
    """Return whether an inventory file in YAML has hosts in the group swarm_manager."""

    def has_manager(node: object) -> bool:
        if not isinstance(node, dict):
            return False
        manager = node.get("swarm_manager")
        return bool(isinstance(manager, dict) and manager.get("hosts")) or any(map(has_manager, node.values()))

    try:
        return has_manager(yaml.safe_load(Path(inventory).read_text()))
    except (OSError, ValueError, yaml.YAMLError):
        return False


def processing_job_size(size: int) -> str:
    """Return a number of bytes for people: 372 MB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if size >= unit:
            number = size / unit
            return f"{number:.0f} {name}" if number >= 10 else f"{number:.1f} {name}"
    return f"{size} bytes"


#: Phrases of messages that name their remedy themselves.
NAMES_NEW_JOB = "start a new job", "run a new job", "restart the job"
REJECTS_TOO_MANY = "records are rejected so far"
NAMES_RESUME = "same job_id", "rerun with job_id", "wait until it ends"


def processing_job_remedy(message: str, failure: dict[str, Any]) -> str:
    """Return what to do after a failed job, as lines to follow its message, or empty.

    failure: job (its id), directory (which need not be on this machine), command (that resumes it), retry
    (the command that makes a new job of its request and the processor as it is now), begun
    (whether its input was split), chunk (whether the message is a chunk's; None: the receipts decide), on_error.
    """
    if not failure["begun"]:
        return f"\nThe job_id is {failure['job']}." if "same job_id" in message else ""
    if any(words in message for words in NAMES_NEW_JOB):
        return ""
    if REJECTS_TOO_MANY in message:
        return (
            f"\nTo reject that many, resume with a higher limit: {failure['command']} -e max_rejected=100%"
            f"\nTo retry with a fixed processor: {failure['retry']}"
        )
    repeats = failure["chunk"]
    if repeats and any(words in message for words in NAMES_RESUME):
        repeats = False
    if repeats is None:
        repeats = any(text and text in message for text in _chunk_errors(Path(failure["directory"])))
    if not repeats:
        return f"\nFinished chunks are kept. Fix the cause, then resume: {failure['command']}"
    remedy = (
        "\nA resume would fail in the same way. If the processor is wrong, fix it, then retry with its new code: "
        f"{failure['retry']}\nIf its options or the input are wrong, fix them and run a new job (without job_id)."
    )
    if failure["on_error"] == "fail":
        remedy += f"\nIf only some records are bad, quarantine them: {failure['command']} -e on_error=quarantine"
    return remedy


def processing_job_failure(result: dict[str, Any]) -> str:
    """Return why a task failed, in one line that ends with a full stop, with the option that sudo may need."""
    message = " ".join(str(result.get("msg") or "no message").split()).rstrip(".")
    if "sudo" in message and "password" in message:
        message += ". If sudo on the boards asks for a password, add --ask-become-pass"
    return f"{message}."


def processing_job_jobs_unanswered(result: dict[str, Any], server: str) -> str:
    """Return why the server of the share did not answer with its jobs, "" if it did.

    result: that of the module processing_job_jobs on the server.
    """
    if "jobs" in result or "removed" in result:
        return ""
    return f"{server} did not answer: {processing_job_failure(result)}"


def _chunk_errors(directory: Path) -> list[str]:
    """Return the messages of the chunks that failed for a reason that would repeat."""
    receipts = [json.loads(path.read_text()) for path in directory.glob("receipts/*.json") if path.stat().st_size]
    return [receipt["message"] for receipt in receipts if receipt["status"] in ("error", "suspect")]


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_absolute_path": processing_job_absolute_path,
            "processing_job_failure": processing_job_failure,
            "processing_job_from_yaml_or_text": processing_job_from_yaml_or_text,
            "processing_job_is_list_of_texts": processing_job_is_list_of_texts,
            "processing_job_jobs_unanswered": processing_job_jobs_unanswered,
            "processing_job_names_boards": processing_job_names_boards,
            "processing_job_path": processing_job_path,
            "processing_job_remedy": processing_job_remedy,
            "processing_job_size": processing_job_size,
            "processing_job_request": processing_job_request,
        }
