"""Watch a job on boards until its driver has ended, and show its progress."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()

#: Seconds to wait for the server of the share, or for news of the driver: a board that is power-cycled is away for a
#: minute or two, and the others continue.
MANAGER_TIMEOUT = 900.0
#: Seconds without a new status after which a manager is queried for the driver.
SILENT_FOR = 20.0
#: Seconds that one question waits on the server for a change, and between two questions that fail.
WAIT, PAUSE = 4.0, 2.0
#: Seconds between two lines in a log.
LINE_EVERY = 10.0
#: Swarm's message about a task on a board without the image.
NO_IMAGE = "No such image"
STAGES = {"starting": "starting", "splitting": "splitting the input", "collecting": "collecting the partial results"}
NOT_ANSWERING = (
    "{server} has not answered for {minutes:.0f} minutes: {reason}\nThe job continues on the boards when it is back. "
    "Watch it then: {watch}"
)
SILENT = (
    "the driver of the job has reported nothing for {minutes:.0f} minutes. Swarm's last report: {remark}\n"
    "Check ansible-playbook playbooks/status.yml. The job continues when its board is back. Watch it then: {watch}"
)


class Progress:
    """The line that shows how far a job is: rewritten in place on a terminal, printed now and then in a log."""

    def __init__(self, notes: list[str]) -> None:
        self._shown = time.monotonic() - LINE_EVERY
        self._last = ""
        self._live = on_terminal()
        self._notes = notes

    def show(self, text: str, *, last: bool = False) -> None:
        """Show a line, if it is time to."""
        now = time.monotonic()
        if self._live:
            display.display(f"\r\033[K{text}", screen_only=True, newline=last)
        elif text != self._last and (last or now - self._shown >= LINE_EVERY):
            display.display(text)
        else:
            return
        self._shown, self._last = now, text

    def add_notes(self, notes: list[str]) -> None:
        """Print the notes that are new. The driver keeps its newest ones."""
        for note in notes:
            if note not in self._notes:
                display.display(f"\r\033[K{note}" if self._live else note)
        self._notes = [*notes, *(note for note in self._notes if note not in notes)][:1000]


def line(status: dict[str, Any], remark: str = "") -> str:
    """Return the progress line of a status. Rows are those of finished chunks."""
    chunks = status.get("chunks") or {}
    stage = status.get("stage", "starting")
    if stage in STAGES:
        parts = [STAGES[stage]]
    else:
        parts = [f"chunks {chunks['done']}/{chunks['total']} done", f"{chunks['running']} running"]
        if chunks["waiting"]:
            parts.append(f"{chunks['waiting']} waiting")
        if failed := chunks["failed_attempts"]:
            parts.append(f"{failed} failed attempt{'s' * (failed > 1)}")
        if status["rows_per_second"]:
            parts.append(f"{status['rows_per_second']:,.0f} rows/s")
        if status["seconds_left"] is not None and chunks["done"] < chunks["total"]:
            left = round(status["seconds_left"])
            parts.append(f"about {left // 60}:{left % 60:02} left")
    return ", ".join(parts) + (f" ({remark})" if remark else "")


def on_terminal() -> bool:
    """Return whether the run's standard output is a terminal. A task's process has none, so its parent's decides."""
    try:
        return str(Path(f"/proc/{os.getppid()}/fd/1").readlink()).startswith(("/dev/pts/", "/dev/tty"))
    except OSError:
        return False


def make_closed(folder: Path) -> None:
    """Make a folder that only its user enters: the files in it get their permissions when they are delivered."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


class Watch:
    """When the server of the share answered last, and when the driver reported something new, by this machine's clock.

    heard: the time of the driver's last news in an earlier watch of the same run, 0 in the first one.
    """

    def __init__(self, heard: float = 0.0) -> None:
        now = time.monotonic()
        self.answered = now
        self.heard = heard or now
        self._asked = now
        self._last: tuple[float, float] | None = None

    def add(self, status: dict[str, Any]) -> None:
        """Take in an answer of the server."""
        self.answered = time.monotonic()
        news = (status["started"], status["updated"]) if status else None
        if news and news != self._last:
            self._last, self.heard, self._asked = news, self.answered, self.answered

    def is_silent(self) -> bool:
        """Return whether to query a manager for the driver."""
        return time.monotonic() - max(self.heard, self._asked) >= SILENT_FOR

    def away(self) -> float:
        """Return for how many seconds the server of the share has not answered."""
        return time.monotonic() - self.answered

    def silent(self) -> float:
        """Return for how many seconds the driver has reported nothing."""
        return time.monotonic() - self.heard


class ActionModule(ActionBase):
    """Calls the module processing_job_status_info until the job's driver has ended, or is silent.

    Arguments: share, owner, job and service, those of the module; server, its name in messages; watch, the command
    that watches the job later; fetched, a closed folder to make for the result of a job that is done; remark, what a
    manager last reported of the driver; seen, the earlier result of this plugin in the same run. Returns status, ended
    (whether the driver has ended), silent (whether to query a manager for the driver), no_image (whether a board
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
        watch, progress = Watch(float(seen.get("heard", 0))), Progress(status.get("notes", []))
        began, reloaded = float(seen.get("began", time.monotonic())), bool(seen.get("no_image"))
        while True:
            answer = self._look(params | {"stage": status.get("stage", ""), "wait": WAIT}, task_vars)
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
            progress.show(line(status, remark), last=answer["ended"])
            lacking = reloaded or any(NO_IMAGE in note for note in status.get("notes", []))
            found = {"status": status, "began": began, "heard": watch.heard, "no_image": lacking, "changed": True}
            if answer["ended"]:
                if fetched and status["stage"] == "done":
                    make_closed(Path(fetched))
                return result | found | {"ended": True, "silent": False, "ended_at": time.monotonic()}
            if watch.silent() > MANAGER_TIMEOUT:
                words = SILENT.format(minutes=watch.silent() / 60, remark=remark or "nothing", watch=watch_command)
                return result | {"failed": True, "msg": words, "is_written": True}
            if watch.is_silent() or lacking > reloaded:
                return result | found | {"ended": False, "silent": True}

    def _look(self, params: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._execute_module(
                module_name="processing_job_status_info", module_args=params, task_vars=task_vars
            )
        except AnsibleConnectionFailure as error:
            return {"failed": True, "msg": str(error)}
        if answer.get("failed") or answer.get("unreachable"):
            return {"failed": True, "msg": answer.get("msg") or "no reason given"}
        return answer
