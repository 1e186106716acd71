"""Whom to notify of the end of a job, and of what."""

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
VERDICTS = {"failed": "failed", "stopped": "was stopped"}


def processing_job_notifies_url(notify: str) -> bool:
    """Return whether a URL is to be notified, and not a command."""
    return URL.fullmatch(notify) is not None


def processing_job_notify_command(notify: str, directory: str) -> list[str]:
    """Return a command as a list. directory: where a relative path of its program starts. Raises ValueError."""
    words = shlex.split(notify)
    if words:
        words[0] = str(Path(directory) / Path(words[0]).expanduser()) if "/" in words[0] else words[0]
    return words


def processing_job_notify_problem(notify: object, directory: str) -> str:
    """Return what is wrong with `notify`, nothing when it is empty, a URL or a command that can be run."""
    if notify == "" or (isinstance(notify, str) and URL.fullmatch(notify)):
        return ""
    wanted = "Give a URL that begins with http:// or https://, or a command like ./job-ended.sh"
    if not isinstance(notify, str) or SCHEME.match(notify):
        return f"notify: {notify!r} is neither a URL nor a command. {wanted}"
    try:
        words = processing_job_notify_command(notify, directory)
    except ValueError as error:
        return f"notify: the command {notify!r} cannot be read: {error}. Check its quotes."
    if not words or shutil.which(words[0]) is None:
        return f"notify: there is no program {words[0] if words else notify!r} that can be run. {wanted}"
    return ""


def processing_job_notification(
    stage: str, about: dict[str, Any], summary: dict[str, Any] | None, error: str
) -> dict[str, Any]:
    """Return what is sent when a job ends, as a JSON object.

    stage: done, failed or stopped. about: job, engine, output, report ("" or why there is none), seconds. summary: that
    of a job that is done, None for another. error: the message of one that is not.
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


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_notification": processing_job_notification,
            "processing_job_notifies_url": processing_job_notifies_url,
            "processing_job_notify_command": processing_job_notify_command,
            "processing_job_notify_problem": processing_job_notify_problem,
        }
