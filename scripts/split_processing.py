#!/usr/bin/env python3
"""Process the chunks of a job: all that have no partial yet, or one of them."""

import argparse
import sys

from csvswarm import cli, machine
from csvswarm.job import Job
from csvswarm.process import process_all, process_one

EPILOG = """\
examples:
  split_processing.py --job jobs/demo                with a pool of local processes
  split_processing.py --job jobs/demo --chunk 3      one attempt at one chunk, as a container makes it
"""


def main() -> int:
    """Read the arguments, do the work, return the exit code."""
    parser = cli.parser(__doc__, EPILOG)
    parser.add_argument("--workers", default="auto", metavar="N", help="local processes, or auto (auto)")
    parser.add_argument("--chunk", type=int, metavar="N", help="process this chunk only")
    parser.add_argument("--attempt", metavar="ID", help="name of the attempt, with --chunk (made up)")
    arguments = parser.parse_args()
    return cli.run(lambda: _process(cli.job_of(arguments), arguments), as_json=arguments.json)


def _process(job: Job, arguments: argparse.Namespace) -> tuple[dict[str, object], str]:
    if arguments.chunk is None:
        processed = process_all(job, machine.number("workers", arguments.workers))
        return processed.to_json(), f"processed {processed.chunks_run} chunks with {processed.workers} workers"
    receipt = process_one(job, arguments.chunk, arguments.attempt)
    told = f"chunk {receipt.chunk}: {receipt.status} {receipt.message}".rstrip()
    if receipt.status == "error":
        # The receipt tells the collector; trying again would come to the same, so this is no failure of the attempt.
        print(told, file=sys.stderr)
    return {"chunk": receipt.chunk, "status": receipt.status, "message": receipt.message}, told


if __name__ == "__main__":
    sys.exit(main())
