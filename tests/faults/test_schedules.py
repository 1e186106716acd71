"""Random faults in the three scripts: whatever fails, the bytes of the result are the same.

`make test` runs the first schedules, `make chaos` a thousand of them and `make chaos SEED=n` one.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from tests.faults.job_scenarios import SCENARIOS, prepare
from tests.faults.schedule import Schedule, removed_if_good

SEEDS = os.environ.get("CSVSWARM_FAULT_SEEDS", "1-48")
ATTACK = os.environ.get("CSVSWARM_FAULT_ATTACK", "")
LOG = os.environ.get("CSVSWARM_FAULT_LOG")
FIRST, _, LAST = SEEDS.partition("-")


@pytest.mark.usefixtures("injectors")
@pytest.mark.parametrize("seed", range(int(FIRST), int(LAST or FIRST) + 1))
def test_result_equals_that_of_a_run_without_faults(seed: int, tmp_path: Path, shared: Path, mounts: bool) -> None:
    prepared = prepare(SCENARIOS[seed % len(SCENARIOS)], shared)
    schedule = Schedule(seed, prepared, tmp_path, mounts, ATTACK)
    with removed_if_good(tmp_path):
        try:
            schedule.perform()
        except AssertionError as error:
            note(schedule, str(error))
            raise
        note(schedule, "")


def note(schedule: Schedule, failed: str) -> None:
    """Append the outcomes of a schedule's runs to the log that `make chaos` summarizes."""
    if LOG:
        record = {"seed": schedule.seed, "attack": schedule.attack, "scenario": schedule.prepared.scenario.name}
        with Path(LOG).open("a") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            log.write(json.dumps({**record, "failed": failed, "runs": schedule.ends()}) + "\n")
