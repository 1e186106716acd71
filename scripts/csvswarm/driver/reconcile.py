"""Derive from a job's receipts what must run next: python -m csvswarm.driver.reconcile JOB [--fresh].

It is a separate process, because files that a processor left in the job directory may take any amount of memory to
read, which must not kill the driver. --fresh: the user restarts the job, so chunks that failed get another try.

Prints one JSON object: generation, pending (chunks of the next round; none when the result can be collected), done
(chunks that need no rerun), chunks ([bytes, records] of each).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from csvswarm import cli
from csvswarm.job.directory import JobDirectory
from csvswarm.job.round import MAX_SLOTS
from csvswarm.job.state import reconcile


def plan(job: JobDirectory, *, fresh: bool) -> dict[str, Any]:
    """Return what must run next. Raises what `reconcile` raises, and JobError if another process works on the job."""
    with job.locked():
        manifest = job.require_manifest()
        if fresh:
            job.discard_error_receipts()
        state = reconcile(job, manifest)
    return {
        "generation": state.generation,
        "pending": state.pending[:MAX_SLOTS],
        "done": sorted(state.done),
        "chunks": [[chunk.length, chunk.rows] for chunk in manifest.chunks],
    }


def main() -> int:
    """Read the arguments, print the answer, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--fresh", action="store_true")
    arguments = parser.parse_args()
    return cli.run(lambda: (plan(JobDirectory(arguments.job), fresh=arguments.fresh), ""), as_json=True)


if __name__ == "__main__":
    cli.exit_immediately(main())
