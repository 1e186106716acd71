"""Watch a job on boards until its driver has ended, and show its progress."""

from __future__ import annotations

import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Ansible does not put directories of a role on Python's path for plugins.
_progress: Any = ModuleType("processing_job_progress")
SourceFileLoader(
    _progress.__name__, str(Path(__file__).resolve().parents[1] / "plugin_utils/processing_job_progress.py")
).exec_module(_progress)

display = Display()

#: Seconds to wait for the server of the share, or for a new status of the driver: a power-cycled board is unreachable
#: for a minute or two, and the others continue.
MANAGER_TIMEOUT = 900.0
#: Seconds without a new status after which a manager is queried for the driver.
SILENT_FOR = 20.0
#: Seconds that one query waits on the server for a change, and seconds between two failed queries.
WAIT, PAUSE = 4.0, 2.0
#: Swarm's message about a task on a board without the image.
NO_IMAGE = "No such image"
NOT_ANSWERING = (
    "{server} has not answered for {minutes:.0f} minutes: {reason}\nThe job continues on the boards when it is back. "
    "Watch it then: {watch}"
)
SILENT = (
    "the driver of the job has reported nothing for {minutes:.0f} minutes. Swarm's last report: {remark}\n"
    "Check ansible-playbook playbooks/status.yml. The job continues when its board is back. Watch it then: {watch}"
)


def make_closed(folder: Path) -> None:
    """Create a folder that only its user may enter: the files in it get their permissions when they are delivered."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


class Watch:
    """Times of the server's last answer and of the driver's last new status, by this machine's clock.

    heard: the time of the driver's last new status in an earlier watch of the same run, 0 in the first one.
    """

    def __init__(self, heard: float = 0.0) -> None:
        now = time.monotonic()
        self.answered = now
        self.heard = heard or now
        self._queried = now
        self._last: tuple[float, float] | None = None

    def add(self, status: dict[str, Any]) -> None:
        """Record an answer of the server."""
        self.answered = time.monotonic()
        news = (status["started"], status["updated"]) if status else None
        if news and news != self._last:
            self._last, self.heard, self._queried = news, self.answered, self.answered

    def is_silent(self) -> bool:
        """Return whether to query a manager for the driver."""
        return time.monotonic() - max(self.heard, self._queried) >= SILENT_FOR

    def away(self) -> float:
        """Return the seconds since the last answer of the server of the share."""
        return time.monotonic() - self.answered

    def silent(self) -> float:
        """Return the seconds since the last new status of the driver."""
        return time.monotonic() - self.heard


class ActionModule(ActionBase):
    """Calls the module processing_job_status_info until the job's driver has ended, or is silent.

    Arguments: share, owner, job and service, those of the module; server, its name in messages; watch, the command
    that watches the job later; fetched, a closed folder to create for the result; remark, what a
    manager last reported about the driver; seen, the earlier result of this plugin in the same run. Returns status,
    ended (whether the driver has ended), silent (whether to query a manager for the driver), no_image (whether a board
    lacks the image, reported once), began and ended_at (this machine's monotonic clock) and heard, for the next watch.
    """

    _VALID_ARGS = frozenset(("share", "owner", "job", "service", "server", "watch", "fetched", "remark", "seen"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Watch until the driver has ended or is silent."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        params = dict(self._task.args)
        names = ("server", "watch", "remark", "fetched")
        server, watch_command, remark, fetched = (str(params.pop(name, "")) for name in names)
        seen = params.pop("seen", None) or {}
        status: dict[str, Any] = seen.get("status") or {}
        watch = Watch(float(seen.get("heard", 0)))
        progress = _progress.Progress(display, notes=status.get("notes", []))
        began, reloaded = float(seen.get("began", time.monotonic())), bool(seen.get("no_image"))
        while True:
            answer = self._read_status(params | {"stage": status.get("stage", ""), "wait": WAIT}, task_vars)
            if answer.get("failed"):
                reason = str(answer["msg"]).strip().splitlines()[0]
                if watch.away() > MANAGER_TIMEOUT:
                    words = NOT_ANSWERING.format(
                        server=server, minutes=watch.away() / 60, reason=reason, watch=watch_command
                    )
                    return result | {"failed": True, "msg": words, "is_written": True}
                progress.show(f"{server} has not answered for {watch.away():.0f} s: {reason}")
                time.sleep(PAUSE)
                continue
            status = answer["status"] or status
            watch.add(answer["status"])
            progress.add_notes(status.get("notes", []))
            remark = remark if watch.silent() >= SILENT_FOR else ""
            progress.show(_progress.status_line(status, remark), last=answer["ended"])
            lacking = reloaded or any(NO_IMAGE in note for note in status.get("notes", []))
            found = {"status": status, "began": began, "heard": watch.heard, "no_image": lacking, "changed": True}
            if answer["ended"]:
                if fetched and status["stage"] in ("done", "failed"):
                    make_closed(Path(fetched))
                return result | found | {"ended": True, "silent": False, "ended_at": time.monotonic()}
            if watch.silent() > MANAGER_TIMEOUT:
                words = SILENT.format(minutes=watch.silent() / 60, remark=remark or "nothing", watch=watch_command)
                return result | {"failed": True, "msg": words, "is_written": True}
            if watch.is_silent() or lacking > reloaded:
                return result | found | {"ended": False, "silent": True}

    def _read_status(self, params: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._execute_module(
                module_name="processing_job_status_info", module_args=params, task_vars=task_vars
            )
        except AnsibleConnectionFailure as error:
            return {"failed": True, "msg": str(error)}
        if answer.get("failed") or answer.get("unreachable"):
            return {"failed": True, "msg": answer.get("msg") or "no reason given"}
        return answer
