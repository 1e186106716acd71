#!/usr/bin/env python3
"""Process the chunks of a job: all that have no partial yet, or one of them."""

import argparse
import os
import signal
import sys

from csvswarm import cli
from csvswarm.errors import printable
from csvswarm.job.directory import Job
from csvswarm.job.durable_files import new_token
from csvswarm.job.round import read_round
from csvswarm.process.attempt_log import attempt_log
from csvswarm.process.run import process_all, process_one
from csvswarm.runtime import resources

EPILOG = """\
examples:
  split_processing.py --job jobs/demo                with a pool of local processes
  split_processing.py --job jobs/demo --chunk 3      one attempt at one chunk

A container makes one attempt at the chunk of its slot: --round 1 --slot 3 --attempt NAME --limit 3600
Swarm says slot and attempt in CSVSWARM_SLOT and CSVSWARM_ATTEMPT: it fills in variables, but no arguments. Such an
attempt that fails on a system's error (no space left) ends with its number: on a full share no log can tell it.
"""


def main() -> int:
    """Read the arguments, do the work, return the exit code."""
    parser = cli.parser(__doc__, EPILOG)
    parser.add_argument("--workers", default="auto", metavar="N", help="local processes, or auto (auto)")
    parser.add_argument("--chunk", type=int, metavar="N", help="process this chunk only")
    parser.add_argument("--attempt", metavar="ID", help="name of the attempt, with --chunk (made up)")
    parser.add_argument("--round", type=int, metavar="N", help="process a chunk of this round only, with --slot")
    parser.add_argument("--slot", type=int, metavar="N", help="which chunk of the round, counted from 1")
    if "CSVSWARM_SLOT" in os.environ:
        parser.set_defaults(slot=int(os.environ["CSVSWARM_SLOT"]), attempt=os.environ["CSVSWARM_ATTEMPT"])
    parser.add_argument("--limit", type=int, default=0, metavar="SECONDS", help="give up after so long (0: never)")
    arguments = parser.parse_args()
    if (arguments.round is None) != (arguments.slot is None) or (arguments.slot and arguments.chunk):
        parser.error("--round and --slot go together, and not with --chunk")
    # The signal's own action ends the process at once, in the middle of whatever library it is in.
    signal.alarm(arguments.limit)
    if arguments.slot is None:
        return cli.run(lambda: _process(cli.job_from(arguments), arguments, arguments.chunk), as_json=arguments.json)
    return _in_container(cli.job_from(arguments), arguments)


def _in_container(job: Job, arguments: argparse.Namespace) -> int:
    """Make the attempt of one slot, with a log that is kept if it fails."""
    arguments.attempt = arguments.attempt or new_token()
    name = f"{arguments.round:04d}-{arguments.slot:06d}-{arguments.attempt}.log"
    numbers: list[int] = []

    def work() -> tuple[dict[str, object], str]:
        try:
            return _process(job, arguments, read_round(job, arguments.round).chunk(arguments.slot))
        except OSError as error:
            numbers.append(error.errno or cli.REPORTED)
            raise

    with attempt_log(job.logs_directory / name) as codes:
        codes.append(cli.run(work, as_json=arguments.json))
    # 125 and more are Docker's and the signals'.
    return numbers[0] if codes == [cli.REPORTED] and numbers and numbers[0] < 125 else codes[0]


def _process(job: Job, arguments: argparse.Namespace, chunk: int | None) -> tuple[dict[str, object], str]:
    if chunk is None:
        processed = process_all(job, resources.parse_count("workers", arguments.workers))
        return processed.to_json(), f"processed {processed.chunks_run} chunks with {processed.workers} workers"
    receipt = process_one(job, chunk, arguments.attempt)
    message = f"chunk {receipt.chunk}: {receipt.status} {receipt.message}".rstrip()
    if receipt.status == "error":
        # The receipt tells the collector; trying again would come to the same, so this is no failure of the attempt.
        print(printable(message), file=sys.stderr)
    return {"chunk": receipt.chunk, "status": receipt.status, "message": receipt.message}, message


if __name__ == "__main__":
    cli.exit_immediately(main())
