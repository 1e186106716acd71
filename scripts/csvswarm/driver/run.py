"""A whole job: adopt running services, split, run rounds until every chunk has a result, collect.

The driver keeps no state of its own. Manifest, schemas and receipts define what is done, the labels of Swarm's services
what runs. So any manager can restart it at any moment.
"""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from csvswarm.driver.engine import Engine, EngineRefused, EngineUnavailable, JobService, ServiceRemoved
from csvswarm.driver.errors import JobFailed
from csvswarm.driver.job_files import JobFiles
from csvswarm.driver.lock import driver_lock
from csvswarm.driver.request import Request
from csvswarm.driver.rounds import RoundRunner
from csvswarm.driver.services import Round, chunk_service
from csvswarm.driver.stages import Stages
from csvswarm.driver.status import Status
from csvswarm.job.output_directory import FAILURE
from csvswarm.job.untrusted_files import Damaged

#: Seconds in which the removal of a stack, which starts with its services, also stops the driver.
_REMOVAL_TIMEOUT = 15.0
#: How often the collection may find partials lost or damaged, and have their chunks rerun.
MAX_COLLECTIONS = 3
#: Errors of the share that do not go away. After other errors, the driver restarts.
_LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


def _report_waiting() -> None:
    """Write to the service's log: the status file belongs to the driver that has the lock."""
    print("another driver of this job works, perhaps on a board that is cut off: waiting for it", file=sys.stderr)


def driver_service(request: Request) -> str:
    """Return the name of the driver's own service."""
    return f"{request.stack}_driver"


class JobDriver:
    """Runs one job to its end. status: what it reports to."""

    def __init__(self, request: Request, engine: Engine, status: Status) -> None:
        self._request, self._engine, self._status = request, engine, status
        self._files = JobFiles(request.job_directory)
        self._stages = Stages(request, engine, status, str(status.values["board"]))
        engine.on_wait = status.note

    def run(self) -> None:
        """Run the job and report how it ends. Raises EngineUnavailable, and OSError for temporary errors."""
        try:
            with driver_lock(self._request.job_directory, _report_waiting):
                self._status.take_over()
                for path in self._request.output.glob(f"*{FAILURE}*"):  # and leftovers of a killed driver
                    path.unlink(missing_ok=True)
                self._run()
        except JobFailed as error:
            self.fail(str(error), error.hint)
        except Damaged as error:
            self.fail(
                f"a file of the job on the share is damaged: {error}. Check its processor, remove the job with "
                f"playbooks/jobs.yml -e action=remove -e job_id={self._request.job}, and run a new job.",
                None,
            )
        except ServiceRemoved as error:
            time.sleep(_REMOVAL_TIMEOUT)
            self.fail(
                f"a service of the job was removed while it ran ({error}). Chunks with a receipt are kept.", "resume"
            )
        except EngineRefused as error:
            self.fail(f"Docker refuses to run the job: {error}", "resume")
        except OSError as error:
            if error.errno not in _LASTING:
                raise
            name = f"{error.filename}: " if error.filename else ""
            self.fail(f"the share is not writable: {name}{error.strerror}. Free some space or fix it.", "resume")
        else:
            self._remove(keep=())
            self._status.end("done")

    def stop(self) -> bool:
        """Clean up after a request to stop. Return whether the job is stopped, and not only moved to another board."""
        if self._engine.service_exists(driver_service(self._request)):
            return False
        self._remove(keep=())
        self._status.end("stopped", hint="resume")
        return True

    def _run(self) -> None:
        current, retries = self._adopt()
        if current is None:
            self._status.enter("splitting", "split")
            self._stages.split()
        collections = 0
        fresh = current is None
        while True:
            self._status.enter("processing")
            while self._next_round(current, retries, fresh=fresh):
                current, retries, fresh = None, [], False
            self._status.enter("collecting", "collect")
            try:
                self._stages.collect()
            except JobFailed as error:
                collections += 1
                if collections >= MAX_COLLECTIONS or not self._stages.reconcile(fresh=False)["pending"]:
                    raise
                self._status.note(str(error))
            else:
                return

    def _adopt(self) -> tuple[Round | None, list[Round]]:
        """Return the round that runs, with its retry rounds, and remove everything else of an earlier driver."""
        services = self._services()
        rounds = [service.round for service in services if service.round is not None]
        current = max((one for one in rounds if one.retries is None), key=lambda one: one.number, default=None)
        retries = [one for one in rounds if current is not None and one.retries == current.number]
        kept = ([] if current is None else [current]) + retries
        self._remove(keep=kept, services=services)
        if current is not None:
            self._status.note(f"a driver on {self._status.values['board']} has taken over round {current.number}")
        return current, sorted(retries, key=lambda one: one.number)

    def _next_round(self, current: Round | None, retries: Sequence[Round], *, fresh: bool) -> bool:
        """Run the pending chunks, if any. current: a round that already runs. Raises JobFailed."""
        state = self._stages.reconcile(fresh=fresh)
        pending: list[int] = state["pending"]
        runs_on = current is not None and current.generation == state["generation"]
        if current is not None and not (runs_on and pending and {*pending} <= {*current.chunks}):
            ended = self._runner(current, retries, state)
            ended.record()
            ended.remove()
            current, retries = None, []
        if not pending:
            return False
        self._status.enter("processing", "process")  # only here, because a finished job has no seconds of processing
        runner = self._runner(current or self._start(state["generation"], pending), retries, state)
        runner.run()
        runner.remove()
        return True

    def _runner(self, round_: Round, retries: Sequence[Round], state: Mapping[str, Any]) -> RoundRunner:
        chunks = {*round_.chunks}
        return RoundRunner(
            self._request,
            self._engine,
            self._files,
            self._status,
            round_,
            retries,
            sizes=state["chunks"],
            done=[chunk for chunk in state["done"] if chunk not in chunks],
        )

    def _start(self, generation: int, pending: Sequence[int]) -> Round:
        number = self._files.next_round([])
        round_ = Round(number, generation, tuple(pending))
        self._files.write_round(number, generation, pending)
        self._engine.create(chunk_service(self._request, round_))
        return round_

    def _services(self) -> list[JobService]:
        """Return the services of the job except its driver."""
        own = driver_service(self._request)
        return [service for service in self._engine.services(self._request.job) if service.name != own]

    def _remove(self, keep: Sequence[Round], services: Sequence[JobService] | None = None) -> None:
        for service in self._services() if services is None else services:
            if service.round is None or service.round not in keep:
                self._engine.remove(service.name)

    def fail(self, message: str, hint: str | None) -> None:
        """End the job as failed: remove its services, and write the record for its report."""
        with suppress(EngineUnavailable, EngineRefused, ServiceRemoved):
            self._remove(keep=())
        self._stages.record_failure(message)
        self._status.end("failed", error=message, hint=hint)
