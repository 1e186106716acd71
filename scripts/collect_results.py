#!/usr/bin/env python3
"""Collect the partials of a job into one result file."""

import sys
from pathlib import Path

from csvswarm import cli
from csvswarm.collect import collect
from csvswarm.job import Job

EPILOG = """\
example:
  collect_results.py --job jobs/demo --output results/demo
"""


def main() -> int:
    """Read the arguments, do the work, return the exit code."""
    parser = cli.parser(__doc__, EPILOG)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="directory for result.csv and job.json"
    )
    arguments = parser.parse_args()
    return cli.run(lambda: _collect(cli.job_of(arguments), arguments.output), as_json=arguments.json)


def _collect(job: Job, output: Path) -> tuple[dict[str, object], str]:
    collected = collect(job, output)
    return collected.to_json(), f"wrote {collected.rows_out} rows to {collected.result}"


if __name__ == "__main__":
    sys.exit(main())
