"""The Docker daemon is killed on a worker, then on the manager."""

from __future__ import annotations

from functools import partial

from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import until


def test_killed_daemons(lab: Lab, begin: Begin, answers: Answers) -> None:
    job = begin()
    attempts = job.wait_for_all()
    lost = [next(one for one in attempts if one.board in lab.workers)]
    lost.append(next(one for one in attempts if one.board == lab.manager))

    for one in lost:
        one.board.sh("kill -9 $(pidof dockerd)")
        until(f"Docker answers again on {one.board.name}", partial(one.board.holds, "docker info"))
        job.wait_for(one.chunk, besides=attempts)
    job.let_go("all")
    run = job.end()

    check_done(job, run, answers())
    assert {attempt["attempt"] for attempt in run.counting}.isdisjoint({one.attempt for one in lost})
