#!/usr/bin/env python3
"""Process the chunks of a job: all without a partial, or a given one."""

import argparse
import os
import signal
import sys

from csvswarm import cli
from csvswarm.errors import printable
from csvswarm.job.directory import JobDirectory
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
Swarm passes slot and attempt in CSVSWARM_SLOT and CSVSWARM_ATTEMPT: it has templates for variables, but not for
arguments. An attempt in a container that fails with a system error (no space left) exits with its errno, because a
full share has no room for a log.
"""


def main() -> int:
    """Read the arguments, do the work, return the exit code."""
    parser = cli.parser(__doc__, EPILOG)
    parser.add_argument("--workers", default="auto", metavar="N", help="local processes, or auto (auto)")
    parser.add_argument("--chunk", type=int, metavar="N", help="process this chunk only")
    parser.add_argument("--attempt", metavar="ID", help="name of the attempt, with --chunk (generated)")
    parser.add_argument("--round", type=int, metavar="N", help="process a chunk of this round only, with --slot")
    parser.add_argument("--slot", type=int, metavar="N", help="number of the chunk within the round, from 1")
    if "CSVSWARM_SLOT" in os.environ:
        parser.set_defaults(slot=int(os.environ["CSVSWARM_SLOT"]), attempt=os.environ["CSVSWARM_ATTEMPT"])
    parser.add_argument(
        "--limit", type=int, default=0, metavar="SECONDS", help="exit after this many seconds (0: never)"
    )
    arguments = parser.parse_args()
    if (arguments.round is None) != (arguments.slot is None) or (arguments.slot and arguments.chunk):
        parser.error("--round and --slot require each other and exclude --chunk")
    # The default action of the signal ends the process at once, even inside a library.
    signal.alarm(arguments.limit)
    if arguments.slot is None:
        return cli.run(lambda: _process(cli.job_from(arguments), arguments, arguments.chunk), as_json=arguments.json)
    return _in_container(cli.job_from(arguments), arguments)


def _in_container(job: JobDirectory, arguments: argparse.Namespace) -> int:
    """Run the attempt of one slot; its log is kept if it fails."""
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
    # Docker and signals use codes from 125.
    return numbers[0] if codes == [cli.REPORTED] and numbers and numbers[0] < 125 else codes[0]


def _process(job: JobDirectory, arguments: argparse.Namespace, chunk: int | None) -> tuple[dict[str, object], str]:
    if chunk is None:
        processed = process_all(job, resources.parse_count("workers", arguments.workers))
        return processed.to_json(), f"processed {processed.chunks_run} chunks with {processed.workers} workers"
    receipt = process_one(job, chunk, arguments.attempt)
    message = f"chunk {receipt.chunk}: {receipt.status} {receipt.message}".rstrip()
    if receipt.status == "error":
        # The collector reads the receipt; a retry would fail in the same way, so the attempt itself succeeds.
        print(printable(message), file=sys.stderr)
    return {"chunk": receipt.chunk, "status": receipt.status, "message": receipt.message}, message


if __name__ == "__main__":
    cli.exit_immediately(main())
