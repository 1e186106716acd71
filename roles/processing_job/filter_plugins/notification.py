"""Notifications about the end of a job: recipient and content."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
ACCEPTED = {200, 201, 202, 204}
VERDICTS = {"failed": "failed", "stopped": "was stopped"}


def processing_job_notifies_url(notify: str) -> bool:
    """Return whether the recipient is a URL, and not a command."""
    return URL.fullmatch(notify) is not None


def processing_job_notify_command(notify: str, directory: str) -> list[str]:
    """Return a command as a list. directory: where a relative path of its program starts. Raises ValueError."""
    words = shlex.split(notify)
    if words:
        words[0] = str(Path(directory) / Path(words[0]).expanduser()) if "/" in words[0] else words[0]
    return words


def processing_job_notify_problem(notify: object, directory: str) -> str:
    """Return the problem of `notify`; empty if it is unset, a URL or a command that can run."""
    if notify == "" or (isinstance(notify, str) and URL.fullmatch(notify)):
        return ""
    wanted = "Give a URL that begins with http:// or https://, or a command like ./job-ended.sh"
    if not isinstance(notify, str) or SCHEME.match(notify):
        return f"notify is {notify!r}, but must be a URL or a command. {wanted}"
    try:
        words = processing_job_notify_command(notify, directory)
    except ValueError as error:
        return f"notify: the command {notify!r} cannot be read: {error}. Check its quotes."
    if not words or shutil.which(words[0]) is None:
        return f"notify: {words[0] if words else notify!r} is not a program that can run. {wanted}"
    return ""


def processing_job_notification(
    stage: str, about: dict[str, Any], summary: dict[str, Any] | None, error: str
) -> dict[str, Any]:
    """Return the notification about the end of a job, as a JSON object.

    stage: done, failed or stopped. about: job, engine, output, report ("" or why there is none), seconds. summary: that
    of a job that is done, else None. error: the message of a job that is not done.
    """
    collect = summary["collect"] if summary else {}
    verdict = VERDICTS.get(stage, "is done")
    if collect:
        verdict += f": {collect['rows_in']:,} rows in, {collect['rows_out']:,} out, {collect['rejected']:,} rejected"
    elif error:
        verdict += f": {error.strip().splitlines()[0]}"
    return {
        "text": f"Job {about['job']} {verdict}",
        "job_id": about["job"],
        "status": stage,
        "error": error.strip() or None,
        "engine": about["engine"],
        "host": socket.gethostname(),
        "output": about["output"],
        "result": collect.get("result"),
        "rejected_file": collect.get("rejected_file"),
        "report": about["report"] if Path(about["report"]).is_absolute() else None,
        **{name: collect.get(name) for name in ("rows_in", "rows_out", "rejected")},
        "seconds": round(about["seconds"], 3),
    }


def processing_job_notify_error(answer: dict[str, Any], command: dict[str, Any]) -> str:
    """Return why a notification failed, "" if it did not.

    answer: the result of the request to a URL. command: the result of the command. {} for the one that was not used.
    """
    if "status" in answer and answer["status"] not in ACCEPTED:
        return answer.get("msg") or "no answer"
    if command.get("rc", 0) != 0:
        return command.get("msg") or command.get("stderr") or f"exit code {command['rc']}"
    return ""


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_notification": processing_job_notification,
            "processing_job_notifies_url": processing_job_notifies_url,
            "processing_job_notify_error": processing_job_notify_error,
            "processing_job_notify_command": processing_job_notify_command,
            "processing_job_notify_problem": processing_job_notify_problem,
        }
