"""Why attempts failed, as text for the user, and which boards may retry a chunk."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Sequence

from csvswarm.driver.job_files import AttemptLog
from csvswarm.driver.tasks import Slots, Task

#: Below this, an attempt's exit code is the errno of a system error; from here on it is Docker's or that of a signal.
FIRST_DOCKER_EXIT = 125
KILLED = 137
NO_SPACE = "no space is left on the share (free some, or remove old jobs with playbooks/jobs.yml -e action=prune)"
EXIT_REASONS = {
    0: "it succeeded but left no receipt",
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
    errno.EROFS: "{board} cannot write to the share: it is read-only",
    errno.EACCES: "{board} cannot write to the share: permission denied",
    142: "it exceeded chunk_limit",
}
#: Exits that do not depend on the board: the memory limit and the share are the same everywhere.
SAME_ON_ANY_BOARD = (KILLED, errno.ENOSPC, errno.EDQUOT)


def attempts_at(tasks: Sequence[Task], chunk: int) -> list[Task]:
    """Return the ended attempts at a chunk, oldest first."""
    ended = [task for task in tasks if task.chunk == chunk and task.ended is not None]
    return sorted(ended, key=lambda task: task.started)


def failed_boards(tasks: Sequence[Task], chunk: int) -> list[str]:
    """Return the boards on which a chunk has failed."""
    return sorted({task.board for task in attempts_at(tasks, chunk)} - {""})


def retry_boards(tasks: Sequence[Task], schedulable: Collection[str], chunk: int) -> list[str]:
    """Return the boards that may retry a chunk that others failed; none if the board is not the cause."""
    boards, attempts = failed_boards(tasks, chunk), attempts_at(tasks, chunk)
    if not boards or attempts[-1].exit in SAME_ON_ANY_BOARD:
        return []
    return sorted({*schedulable} - {*boards})


def running_boards(tasks: Sequence[Task], chunks: Collection[int]) -> list[str]:
    """Return the boards that have a task of these chunks."""
    return sorted({task.board for task in tasks if task.chunk in chunks and task.ended is None} - {""})


def failure_message(tasks: Sequence[Task], logs: Sequence[AttemptLog], chunk: int) -> str:
    """Return why a chunk failed, with the log of its last attempt if there is one."""
    attempts = attempts_at(tasks, chunk)
    times = f"{len(attempts)} time{'s' * (len(attempts) > 1)}"
    boards = ", ".join(failed_boards(tasks, chunk))
    message = f"chunk {chunk} failed {times} (on {boards or 'no board'}), the last time because "
    message += f"{exit_reason(attempts[-1])}."
    for log in logs:
        if log.chunk == chunk:
            message += f" Its log on the share, {log.path}, ends with: {log.last_line or '(nothing)'}"
    return message


def pending_reason(tasks: Sequence[Task], slots: Slots) -> str:
    """Return why Swarm has not placed the waiting chunks; empty while chunks run."""
    if slots.running or slots.stopped or not slots.waiting:
        return ""
    waiting = {*slots.waiting}
    return next((task.message for task in tasks if task.chunk in waiting and task.ended is None), "")


def exit_reason(task: Task) -> str:
    """Return why a task ended."""
    if task.exit == KILLED or "out of memory" in task.message.lower():
        return "it was killed, most likely because it ran out of memory (raise its limit with -e memory=800MB)"
    if "bind source path does not exist" in task.message:
        return f"the share is not mounted on {task.board}"
    if task.exit in EXIT_REASONS:
        return EXIT_REASONS[task.exit].format(board=task.board)
    if task.exit is not None and 1 < task.exit < FIRST_DOCKER_EXIT:
        return f"{os.strerror(task.exit)} (on {task.board})"
    return (task.message or task.state).rstrip(".")
