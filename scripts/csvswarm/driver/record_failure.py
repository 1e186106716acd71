"""Write the record of a job that failed: python -m csvswarm.driver.record_failure JOB OUTPUT --error TEXT.

The control node creates the report of the job from it. It is a separate process for the same reason as reconcile.py.
The record is in the directory of the result, which no container of a chunk mounts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from csvswarm import cli
from csvswarm.collect.record import record_of_unfinished
from csvswarm.driver.job_files import JobFiles
from csvswarm.errors import CsvswarmError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import write_json
from csvswarm.job.output_directory import FAILURE, RECORD_FORMAT


def failure_of(job: JobDirectory, error: str) -> dict[str, Any]:
    """Return the record of a job, and the ends of its newest logs as [name, text]."""
    try:
        record = record_of_unfinished(job, error)
    except CsvswarmError:  # the directory is damaged, which is what the error is about
        record = {"format": RECORD_FORMAT, "job_id": job.job_id, "status": "failed", "ended": time.time()}
        record["error"] = error
    return {"record": record, "logs": JobFiles(job.directory).newest_logs()}


def main() -> int:
    """Read the arguments, write the record, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--error", required=True)
    arguments = parser.parse_args()

    def write() -> tuple[dict[str, Any], str]:
        write_json(arguments.output / FAILURE, failure_of(JobDirectory(arguments.job), arguments.error))
        return {}, ""

    return cli.run(write, as_json=True)


if __name__ == "__main__":
    cli.exit_immediately(main())
