"""The workers of the local engine ignore Ctrl-C from the start; their parent handles it."""

from __future__ import annotations

import subprocess
import sys

from tests.support.jobs import ROOT

PROGRAM = """
import os, signal
from csvswarm.process.worker_pool import WorkerPool

signal.signal(signal.SIGINT, signal.default_int_handler)
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGINT))
ended = []
pool = WorkerPool(2, lambda chunk: "done")
pool.map([1, 2, 3], lambda chunk, status: ended.append((chunk, status)) or False)
pool.close()
print(sorted(ended), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


def test_interrupt_right_after_the_fork_kills_no_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT / "scripts", check=False, text=True, capture_output=True, timeout=60
    )

    assert done.stderr == ""
    # The parent's own mask is unchanged.
    assert done.stdout == "[(1, 'done'), (2, 'done'), (3, 'done')] set()\n"


#: Ctrl-C while a worker is busy, and a second one before the pool has stopped it.
INTERRUPTED_TWICE = """
import signal, time
from csvswarm.process.worker_pool import WorkerPool

def interrupt(*_, **__):
    raise KeyboardInterrupt

pool = WorkerPool(1, lambda chunk: time.sleep(600))
close, pool.close = pool.close, interrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    pool.map([1], lambda *_: False)
except KeyboardInterrupt:
    close()
    print("closed")
"""


def test_second_interrupt_leaves_no_busy_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_TWICE],
        cwd=ROOT / "scripts",
        check=False,
        text=True,
        capture_output=True,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("closed\n", "")
