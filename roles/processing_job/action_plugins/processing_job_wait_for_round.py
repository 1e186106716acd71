"""Watch a round of a job until its chunks have receipts, and show how it goes."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()

#: A slot that has stopped gets its next task within restart_policy's delay; if not, Swarm has given up on it.
STOPPED_FOR = 20.0
#: Nothing runs and nothing can be placed: a board that reboots needs about this long to be back.
STUCK_FOR = 120.0
#: A container begins within seconds. Where it has not for this long Docker hangs, though the board tells the manager
#: that it lives. Boards that wait for the server of the share to come back do not begin either.
UNBEGUN_FOR = 600.0
BEGINNING = ("assigned", "accepted", "preparing", "ready", "starting")
#: A manager that is power-cycled is away for a minute or two; the boards work on.
PATIENCE = 900.0
LINE_EVERY = 10.0
#: A chunk is slow when this part of the round is done, and it has run this many times longer than the middle one did.
DONE_PART, SLOW_TIMES = 0.75, 1.5
#: A second attempt is one more container to start, which a chunk that has not run for this long is not worth.
SLOW_LEAST = 15.0
#: An attempt's exit code is the number of a system's error, from here on it is Docker's or that of a signal.
ENDS_OF_DOCKER = 125
NO_SPACE = "no space is left on the share (free some, or remove old jobs with playbooks/jobs.yml -e action=prune)"
ENDS = {
    0: "it ended well but left no receipt",
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
    errno.EROFS: "the share may not be written to from {board}: it is read-only",
    errno.EACCES: "the share may not be written to from {board}: permission denied",
    142: "it took longer than chunk_limit allows",
}
#: Ends that an attempt would come to on any board: its memory is the same everywhere, and so is the share.
ENDS_ANYWHERE = (137, errno.ENOSPC, errno.EDQUOT)
#: The processor owns the job's directory, and may have changed what is in it.
DAMAGED = (
    "a file of the job on the share is damaged: {damage}. Remove the job with playbooks/jobs.yml, and run it anew."
)
#: How the engine says that there is no such service.
REMOVED = "_chunks not found"


@dataclass
class Seen:
    """What is known of a round. It goes from task to task, and so from process to process, while a round is watched.

    Times are of this machine's monotonic clock alone, which its processes share.
    """

    began: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 - looked up when called
    rows: int = 0
    #: chunk -> status of its receipt
    statuses: dict[int, str] = field(default_factory=dict)
    #: chunk -> when it was first seen to run
    since: dict[int, float] = field(default_factory=dict)
    #: how long the chunks with a receipt ran, in seconds
    took: list[float] = field(default_factory=list)
    #: chunks that have a second attempt
    twice: list[int] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Seen:
        """Return what `asdict` made, and JSON made of that: its keys are texts."""
        for name in "statuses", "since":
            data = data | {name: {int(chunk): value for chunk, value in data.get(name, {}).items()}}
        return cls(**data)

    def add(self, answer: dict[str, Any]) -> None:
        """Take in an answer of the module."""
        now = time.monotonic()
        for receipt in answer["receipts"]:
            self.statuses[receipt["chunk"]] = receipt["status"]
            self.rows += receipt["rows_in"]
            self.took.append(now - self.since.get(receipt["chunk"], now))
        self.since = {chunk: self.since.get(chunk, now) for chunk in answer["slots"]["running"]}

    def slow(self, answer: dict[str, Any]) -> list[int]:
        """Return the chunks that a second attempt may overtake, each once; none while others wait for a board."""
        if answer["slots"]["waiting"] or len(self.took) < DONE_PART * answer["total"]:
            return []
        now = time.monotonic()
        limit = max(SLOW_TIMES * median(self.took), SLOW_LEAST)
        found = [chunk for chunk, since in self.since.items() if now - since > limit and chunk not in self.twice]
        self.twice += found
        return found


class Progress:
    """The line that tells how far a round is: rewritten in place on a terminal, one now and then in a log."""

    def __init__(self, total: int, began: float | None = None) -> None:
        self.total = total
        self._told = time.monotonic()
        self._began = self._told if began is None else began
        self._live = on_terminal()
        self.done = self.rows = self.failed = 0

    def line(self, running: int, waiting: int, remark: str = "") -> str:
        """Return the line. Rows are those of finished chunks."""
        passed = max(time.monotonic() - self._began, 0.001)
        parts = [f"chunks {self.done}/{self.total} done", f"{running} running"]
        if waiting:
            parts.append(f"{waiting} waiting")
        if self.failed:
            parts.append(f"{self.failed} failed attempt{'s' * (self.failed > 1)}")
        if self.rows:
            parts.append(f"{self.rows / passed:,.0f} rows/s")
        if 0 < self.done < self.total:
            left = round(passed / self.done * (self.total - self.done))
            parts.append(f"about {left // 60}:{left % 60:02} left")
        return ", ".join(parts) + (f" ({remark})" if remark else "")

    def show(self, line: str, *, last: bool = False) -> None:
        """Show the line, if it is time to."""
        now = time.monotonic()
        if self._live:
            display.display(f"\r\033[K{line}", screen_only=True, newline=last)
        elif last or now - self._told >= LINE_EVERY:
            display.display(line)
        else:
            return
        self._told = now


def on_terminal() -> bool:
    """Tell whether the run's standard output is a terminal. A task's own process has none: the parent's is asked."""
    try:
        return str(Path(f"/proc/{os.getppid()}/fd/1").readlink()).startswith(("/dev/pts/", "/dev/tty"))
    except OSError:
        return False


class Watch:
    """The verdict on a round."""

    def __init__(self, deadline: float, seen: Seen | None = None) -> None:
        self.seen = seen or Seen()
        self._deadline = deadline
        self._stopped: dict[int, float] = {}
        self._stuck: float | None = None
        self._beginning: dict[str, float] = {}
        #: chunks that boards have failed at which it may be up to, for other boards to try
        self.elsewhere: list[int] = []
        #: chunks that boards do not begin; and those of them that other boards shall try
        self.unbegun: list[int] = []
        self.unbegun_elsewhere: list[int] = []

    @property
    def known(self) -> list[int]:
        """The chunks that have a receipt."""
        return list(self.seen.statuses)

    @property
    def statuses(self) -> dict[int, str]:
        """Status of the receipt by chunk."""
        return self.seen.statuses

    def verdict(self, answer: dict[str, Any]) -> str | None:
        """Return "" when the round is over, a message when it cannot end well, None to go on."""
        self.seen.add(answer)
        if "error" in self.statuses.values() or len(self.known) == answer["total"]:
            return ""
        now = time.monotonic()
        self._see_unbegun(answer, now)
        return self._gave_up(answer, now) or self._cannot_place(answer, now) or self._late(now)

    def _see_unbegun(self, answer: dict[str, Any], now: float) -> None:
        placed = [task for task in answer["tasks"] if task["ended"] is None and task["board"]]
        self._beginning = {
            task["attempt"]: self._beginning.get(task["attempt"], now) for task in placed if task["state"] in BEGINNING
        }
        hang = {attempt for attempt, since in self._beginning.items() if now - since >= UNBEGUN_FOR}
        attempts = {
            chunk: {task["attempt"] for task in placed if task["chunk"] == chunk}
            for chunk in answer["slots"]["running"]
        }
        self.unbegun = [chunk for chunk, tasks in attempts.items() if tasks and tasks <= hang]
        self.unbegun_elsewhere = [
            chunk
            for chunk in self.unbegun
            if chunk not in self.seen.twice and {*answer["takers"]} - {*boards_of(placed, self.unbegun)}
        ]
        self.seen.twice += self.unbegun_elsewhere

    def remark(self, answer: dict[str, Any]) -> str:
        """Return what the user should know of the chunks that wait, or do not begin."""
        if not self.unbegun:
            return waits_for(answer)
        boards = ", ".join(boards_of(answer["tasks"], self.unbegun))
        return (
            f"{boards}: no container begins for {UNBEGUN_FOR / 60:.0f} minutes. Does Docker hang there, or the share?"
        )

    def _gave_up(self, answer: dict[str, Any], now: float) -> str | None:
        stopped = answer["slots"]["stopped"]
        self._stopped = {chunk: self._stopped.get(chunk, now) for chunk in stopped}
        lost = [chunk for chunk, since in self._stopped.items() if now - since >= STOPPED_FOR]
        hopeless = [chunk for chunk in lost if chunk in self.seen.twice or not elsewhere(answer, chunk)]
        if hopeless:
            return told_of(answer, hopeless[0])
        # Those that wait may come to the same boards, and fail as well: one round for all of them.
        if lost and not answer["slots"]["waiting"]:
            avoided = failed_on(answer, lost[0])
            self.elsewhere = [chunk for chunk in lost if failed_on(answer, chunk) == avoided]
            self.seen.twice += self.elsewhere
        return None

    def _cannot_place(self, answer: dict[str, Any], now: float) -> str | None:
        message = waits_for(answer)
        # Boards that are full are so of another job, whose chunks end.
        if "no suitable node" not in message or "insufficient resources" in message:
            self._stuck = None
            return None
        self._stuck = self._stuck or now
        if now - self._stuck < STUCK_FOR:
            return None
        return f"no board takes a chunk any more: Swarm says {message}."

    def _late(self, now: float) -> str | None:
        if not self._deadline or now - self.seen.began < self._deadline:
            return None
        return f"the deadline of {self._deadline:.0f} s has passed."


def attempts_at(answer: dict[str, Any], chunk: int) -> list[dict[str, Any]]:
    """Return the attempts at a chunk that have ended, in the order in which they began."""
    ended = [task for task in answer["tasks"] if task["chunk"] == chunk and task["ended"] is not None]
    return sorted(ended, key=lambda task: float(task["started"]))


def failed_on(answer: dict[str, Any], chunk: int) -> list[str]:
    """Return the boards on which a chunk has failed."""
    return sorted({task["board"] for task in attempts_at(answer, chunk)} - {""})


def elsewhere(answer: dict[str, Any], chunk: int) -> list[str]:
    """Return the boards that may do what others have failed at; none when the fault is not a board's."""
    boards, attempts = failed_on(answer, chunk), attempts_at(answer, chunk)
    if not boards or attempts[-1]["exit"] in ENDS_ANYWHERE:
        return []
    return sorted({*answer["takers"]} - {*boards})


def told_of(answer: dict[str, Any], chunk: int) -> str:
    """Return what a chunk failed of."""
    attempts = attempts_at(answer, chunk)
    times = f"{len(attempts)} time{'s' * (len(attempts) > 1)}"
    boards = ", ".join(failed_on(answer, chunk))
    told = f"chunk {chunk} failed {times} (on {boards or 'no board'}), last because {reason(attempts[-1])}."
    for log in answer["logs"]:
        if log["chunk"] == chunk:
            told += f" Its log on the share, {log['path']}, ends with: {log['last'] or '(nothing)'}"
    return told


def waits_for(answer: dict[str, Any]) -> str:
    """Return what Swarm says of the chunks that wait, when none runs."""
    slots = answer["slots"]
    waiting = [task for task in answer["tasks"] if task["chunk"] in slots["waiting"] and task["ended"] is None]
    return "" if slots["running"] or slots["stopped"] or not waiting else str(waiting[0]["message"])


def boards_of(tasks: list[dict[str, Any]], chunks: list[int]) -> list[str]:
    """Return the boards that run these chunks."""
    return sorted({task["board"] for task in tasks if task["chunk"] in chunks and task["ended"] is None} - {""})


def reason(task: dict[str, Any]) -> str:
    """Return why a task ended, in words of ours where Swarm only has a number."""
    code = task["exit"]
    if code == 137 or "out of memory" in task["message"].lower():
        return "it was killed, most likely for want of memory (give it more with -e memory=800MB)"
    if "bind source path does not exist" in task["message"]:
        return f"the share is not mounted on {task['board']}"
    if code in ENDS:
        return ENDS[code].format(board=task["board"])
    if code is not None and 1 < code < ENDS_OF_DOCKER:
        return f"{os.strerror(code)} (on {task['board']})"
    return str(task["message"] or task["state"]).rstrip(".")


class ActionModule(ActionBase):
    """Calls the module processing_job_round_info again and again.

    Arguments: those of the module; deadline in seconds (0: none); speculate, whether to return when chunks are slow;
    seen, what an earlier call for the same round has returned as such. Returns message ("" when every chunk has a
    receipt, or one an error), statuses (chunk -> status), tasks (the module's last answer), seen, seconds since the
    round was first watched, again (with no message: chunks that boards have failed at or do not begin, or that a second
    attempt may overtake), boards (those that shall not try them) and told (what the boards failed of).
    """

    _VALID_ARGS = frozenset(("job", "owner", "services", "deadline", "speculate", "seen"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Watch until there is a verdict."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        asked = dict(self._task.args)
        seen = Seen.from_json(asked.pop("seen", None) or {})
        watch = Watch(float(asked.pop("deadline", 0)), seen)
        speculate = bool(asked.pop("speculate", False))
        progress = Progress(0, seen.began)
        heard = time.monotonic()
        while True:
            answer = self._look(asked | {"known": watch.known}, task_vars)
            if "failed" in answer:
                away = time.monotonic() - heard
                if REMOVED in answer["msg"]:
                    return result | {
                        "message": "its service was removed, by jobs.yml or by another run of the same job."
                    }
                if away > PATIENCE:
                    return result | {"failed": True, "msg": answer["msg"]}
                progress.show(f"the manager does not answer since {away:.0f} s: {answer['msg']}")
                time.sleep(2)
                continue
            if "damage" in answer:
                return result | {"message": DAMAGED.format(damage=answer["damage"])}
            heard = time.monotonic()
            progress.total = answer["total"]
            message = watch.verdict(answer)
            slots = answer["slots"]
            progress.done = list(seen.statuses.values()).count("done")
            progress.rows = seen.rows
            progress.failed = sum(task["state"] in ("failed", "rejected") for task in answer["tasks"])
            line = progress.line(len(slots["running"]), len(slots["waiting"]), watch.remark(answer))
            lost = watch.elsewhere if message is None else []
            again = lost
            if message is None:
                again = lost or watch.unbegun_elsewhere or (seen.slow(answer) if speculate else [])
            progress.show(line, last=message is not None or bool(again))
            if lost:
                others = ", ".join(elsewhere(answer, lost[0]))
                display.display(f"{told_of(answer, lost[0])} Now others try: {others}.")
            if message is not None or again:
                return result | {
                    "message": message or "",
                    "statuses": seen.statuses,
                    "tasks": answer["tasks"],
                    "seen": asdict(seen),
                    "seconds": time.monotonic() - seen.began,
                    "again": again,
                    "boards": failed_on(answer, lost[0]) if lost else boards_of(answer["tasks"], again),
                    "told": told_of(answer, lost[0]) if lost else "",
                    "changed": True,
                }

    def _look(self, asked: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._execute_module(
                module_name="processing_job_round_info", module_args=asked, task_vars=task_vars
            )
        except AnsibleConnectionFailure as error:
            return {"failed": True, "msg": str(error)}
        if answer.get("failed") or answer.get("unreachable"):
            return {"failed": True, "msg": answer.get("msg", "no reason given")}
        return answer
