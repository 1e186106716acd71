"""A board is slow: with speculate=true another one overtakes it."""

from __future__ import annotations

from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done


def test_a_slow_chunk_is_overtaken(begin: Begin, answers: Answers) -> None:
    job = begin(chunks=4, speculate=True)
    slow, *others = job.wait_for_all()
    chunks = {1, 2, 3, 4} - {slow.chunk}
    job.let_go(*chunks)
    job.wait_until_committed(*chunks)

    second = job.wait_for(slow.chunk, besides=[slow, *others])
    assert second.board != slow.board
    # The first attempt blocks for ever: nobody waits for it.
    job.let_go(second.attempt)
    run = job.end()

    check_done(job, run, answers())
    assert next(one["attempt"] for one in run.counting if one["chunk"] == slow.chunk) == second.attempt
