"""Rounds: the chunks a cluster runs together; each container is one slot of one service."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import checked_fields, read_json, write_json
from csvswarm.job.manifest import Manifest
from csvswarm.job.state import reconcile

#: Every task of a service needs an address of its network, whose size roles/swarm_manager sets.
MAX_SLOTS = 2000


class Round(NamedTuple):
    """Chunks to run under one generation of the schema. Slot n, counted from 1, is chunks[n - 1]."""

    number: int
    generation: int
    chunks: list[int]

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    def chunk(self, slot: int) -> int:
        """Return the chunk of a slot. Raises JobError if the slot does not exist."""
        if not 1 <= slot <= len(self.chunks):
            raise JobError(f"round {self.number} has slots 1 to {len(self.chunks)}, no slot {slot}.")
        return self.chunks[slot - 1]


def plan_round(job: JobDirectory, manifest: Manifest) -> Round | None:
    """Reconcile the job and write its next round; None if nothing is pending. Raises what `reconcile` raises."""
    state = reconcile(job, manifest)
    if not state.pending:
        return None
    last = max((int(path.stem.removeprefix("round-")) for path in job.directory.glob("round-*.json")), default=0)
    next_round = Round(last + 1, state.generation, state.pending[:MAX_SLOTS])
    write_json(_path(job, next_round.number), next_round.to_json())
    return next_round


def read_round(job: JobDirectory, number: int) -> Round:
    """Return a planned round. Raises JobError if it does not exist."""
    data = read_json(_path(job, number))
    if data is None:
        raise JobError(f"job {job.job_id} has no round {number}.")
    with checked_fields(_path(job, number)):
        return Round(**data)


def _path(job: JobDirectory, number: int) -> Path:
    return job.directory / f"round-{number:04d}.json"
