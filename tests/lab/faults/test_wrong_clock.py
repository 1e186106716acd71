"""A board whose clock is wrong."""

from __future__ import annotations

import re
from typing import Any

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done
from tests.lab.kit.lab import Lab


def test_worker_clock_is_an_hour_ahead(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    wrong = lab.workers[-1]
    # The clock service would notice the jump, and undo it within seconds.
    wrong.sh("systemctl stop chrony; date --set=@$(( $(date +%s) + 3600 ))")

    job = start_job()
    job.wait_for_all()
    job.release("all")
    run = job.end()

    check_done(job, run, local_result())
    started: dict[bool, list[Any]] = {True: [], False: []}
    for attempt in run.counted_attempts:
        started[attempt["board"] == wrong.name].append(attempt["started"])
    # It took part, and its times are those of its clock.
    assert min(started[True]) > max(started[False]) + 3000
    # All times in the summary are of one clock.
    times = re.search(
        r"^time +([0-9.]+) s from .*\n +of which .*, ([0-9.]+) s split, ([0-9.]+) s process, ([0-9.]+) s collect, ",
        run.output,
        re.MULTILINE,
    )
    assert times
    assert max(map(float, times.groups())) < 3000
