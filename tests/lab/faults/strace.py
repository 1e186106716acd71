"""strace on a board, attached to an attempt: it is killed or delayed at a chosen system call."""

from __future__ import annotations

from tests.lab.faults.running_job import BlockedAttempt
from tests.lab.kit.board import Board
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until

#: Numbers of an attempt's fsyncs: its partial, its receipt, and, after the link, the directory of receipts.
OF_PARTIAL, OF_RECEIPT, AFTER_LINK = 1, 2, 3


def install(lab: Lab) -> None:
    """Install strace on all boards."""
    for board in lab.boards.values():
        board.sh("command -v strace >/dev/null || { apt-get update -qq; apt-get install -y -qq strace; } >&2", 300)


def at_call(attempt: BlockedAttempt, call: str, number: int, fault: str) -> None:
    """Inject a fault into a blocked attempt: at its n-th call from now on, in the syntax of strace's --inject."""
    process = process_of(attempt)
    attempt.board.sh(
        f"systemd-run --quiet --unit=fault-{attempt.attempt} --collect"
        f" strace -f -p {process} -o /run/fault-{attempt.attempt}"
        f" -e trace={call} -e inject={call}:{fault}:when={number}"
    )
    wait_until(
        f"strace is attached on {attempt.board.name}",
        lambda: attempt.board.succeeds(f"grep -q '^TracerPid:[[:space:]]*[1-9]' /proc/{process}/status"),
        30,
    )


def process_of(attempt: BlockedAttempt) -> int:
    """Return the process of an attempt on its board: the child of the container's init."""
    return int(
        attempt.board.sh(
            f"container=$(docker ps --quiet --no-trunc --filter name={attempt.attempt})\n"
            "init=$(docker inspect --format '{{.State.Pid}}' $container)\n"
            "pgrep --parent $init"
        )
    )


def calls_of(attempt: BlockedAttempt) -> str:
    """Return the calls that were traced so far."""
    return _log(attempt.board, attempt.attempt)


def was_killed(attempt: BlockedAttempt) -> bool:
    """Return whether the attempt has received the injected signal."""
    return "killed by SIGKILL" in calls_of(attempt)


def _log(board: Board, attempt: str) -> str:
    return board.sh(f"cat /run/fault-{attempt}")
