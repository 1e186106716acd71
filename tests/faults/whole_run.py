"""A whole run of a job: all three scripts in sequence, concurrently with other runs."""

from __future__ import annotations

import threading
import time

from tests.faults.fault_injection import Fault, KilledLater
from tests.faults.script_runs import STEPS, FaultRun, FaultRuns


class WholeRun(threading.Thread):
    """Runs the scripts until one of them fails or is killed. faults: by step. pause: seconds before the first step."""

    def __init__(self, runs: FaultRuns, faults: dict[str, Fault], pause: float) -> None:
        super().__init__(daemon=True)
        self._runs, self._faults, self._pause = runs, faults, pause
        self._made: list[FaultRun] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            time.sleep(self._pause)
            for step in STEPS:
                fault = self._faults.get(step, Fault())
                run = self._runs.start(step, fault)
                self._made.append(run)
                if isinstance(fault, KilledLater):
                    self._runs.kill_later(run, fault)
                self._runs.finish(run)
                if run.code:
                    return
        except BaseException as error:  # noqa: BLE001  # raised later in the test
            self._error = error

    def ended(self) -> list[FaultRun]:
        """Return the completed runs. Raises the error of the thread, if any."""
        if self._error is not None:
            raise self._error
        return self._made
